#!/usr/bin/env bash
# Five node processes on loopback train a real task, encrypted, and every gate is checked.
#
#   ./testnet/run.sh [--nodes N] [--rounds R] [--data digits] [--partition SPEC] [--seed S] [--holders 3,1|5,2|7,3|1,0]
#                    [--kill-aggregator R[:before-manifest|after-keys|after-proposal]] [--drop-miner R]
#                    [--attack NAME] [--owner FILE] [--out DIR] [--keep] [--no-install]
#
# Exits 0 only if every gate holds; 2 if one does not, 64 for wrong options, 69 when something must be installed.
caller=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install=yes
arguments=()
out="$PWD/testnet/out"
while [ $# -gt 0 ]; do
    case "$1" in
    --no-install) install=no ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --out)
        [ $# -gt 1 ] || { say "--out needs a directory"; exit 64; }
        case "$2" in /*) out=$2 ;; *) out=$caller/$2 ;; esac
        shift
        ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

need_swift
install_packages "$install"
build --product meshnode
export MESHNODE_DATA="$PWD/data"
export OPENBLAS_NUM_THREADS=1
exec "$BINARY" testnet --out "$out" "${arguments[@]}"
