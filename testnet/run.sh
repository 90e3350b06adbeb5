#!/usr/bin/env bash
# Five node processes on loopback train a real task, encrypted, and every gate is checked.
#
#   ./testnet/run.sh [--nodes N] [--rounds R] [--data digits] [--partition SPEC] [--seed S] [--holders 3,1|5,2|7,3|1,0]
#                    [--kill-aggregator R[:before-manifest|after-keys|after-proposal]] [--drop-miner R]
#                    [--attack NAME] [--owner FILE] [--out DIR] [--keep] [--no-install]
#
# Exits 0 only if every gate holds; 2 if one does not, 64 for wrong options, 69 when something must be installed.
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

out="$PWD/testnet/out"
read_options "$@"
run_program testnet --out "$out" "${arguments[@]}"
