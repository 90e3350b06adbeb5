#!/usr/bin/env bash
# Builds the program in release and measures: ./Benchmarks/run.sh crypto [--peers] [options of `meshnode bench crypto`]
# --peers also measures homomorphic encryption on the same vectors and prints one table with ratios.
# The network: ./Benchmarks/run.sh gossip [options of `meshnode bench gossip`]
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,4s/^# //p' "$0" >&2; exit 64; }
what=${1:-}
case "$what" in crypto | gossip) shift ;; *) usage ;; esac
peers=false
quick=false
options=()
for option in "$@"; do
    case "$option" in
        --peers) peers=true ;;
        --quick) quick=true; options+=("$option") ;;
        *) options+=("$option") ;;
    esac
done

# The same flags as every other script, so that nothing is built twice.
flags=(-c release -Xswiftc -enable-testing)
echo "building (the first build takes minutes)" >&2
swift build "${flags[@]}" --product meshnode >&2
binary=$(swift build "${flags[@]}" --show-bin-path)/meshnode

if [ "$what" = gossip ]; then exec "$binary" bench gossip "${options[@]+"${options[@]}"}"; fi
if ! $peers; then exec "$binary" bench crypto "${options[@]+"${options[@]}"}"; fi

venv=Benchmarks/.venv
if ! cmp -s Benchmarks/requirements.txt "$venv/installed.txt"; then
    echo "installing the peers into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement Benchmarks/requirements.txt >&2
    cp Benchmarks/requirements.txt "$venv/installed.txt"
fi
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
"$binary" bench crypto "${options[@]+"${options[@]}"}" --json | tee "$rows"
"$venv/bin/python" Benchmarks/peers.py "$rows" $($quick && echo --quick || true)
