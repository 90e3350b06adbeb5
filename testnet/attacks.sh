#!/usr/bin/env bash
# Five node processes on loopback train without a pause while one attack after another is played against them; each row
# says rounds a second before and while it went on, when the rate was back, and what became of nodes, credits and task.
#
#   ./testnet/attacks.sh [--only ATTACK]... [--seconds S] [--nodes N] [--check] [--json] [--no-install]
#
# A measurement, not a test: with --check it exits 2 if a node ends, a credit moves, the task is lost, the rate falls
# below half, or it is not back after 10 s. Attacker and nodes share this machine. About a minute an attack.
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install=yes
arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
    --no-install) install=no ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
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
exec "$BINARY" bench attacks --out "$PWD/testnet/out-attacks" "${arguments[@]}"
