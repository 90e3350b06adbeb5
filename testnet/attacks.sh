#!/usr/bin/env bash
# Five node processes on loopback train without a pause while one attack after another is played against them; each row
# says rounds a second before and while it went on, when the rate was back, and what became of nodes, credits and task.
#
#   ./testnet/attacks.sh [--only ATTACK]... [--seconds S] [--nodes N] [--check] [--json] [--out DIR] [--no-install]
#
# A measurement, not a test: with --check it exits 2 if a node ends, a credit moves, the task is lost, the rate falls
# below half, or it is not back after 10 s. Attacker and nodes share this machine. About a minute an attack.
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

out="$PWD/testnet/out-attacks"
read_options "$@"
run_program bench attacks --out "$out" "${arguments[@]}"
