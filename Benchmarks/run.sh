#!/usr/bin/env bash
# Builds the program in release and measures:
#   ./Benchmarks/run.sh crypto|learn|chain|gossip [--peers] [options of `meshnode bench` with the same word]
# --peers also measures others in the same run and prints ratios: homomorphic encryption on the same vectors (crypto),
# NumPy and PyTorch on the same models and rows, one thread (learn; --check ends with 1 where one of them is faster).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,5s/^# //p' "$0" >&2; exit 64; }
kind=${1:-}
case "$kind" in crypto | learn | chain | gossip) shift ;; *) usage ;; esac
peers=false
forwarded=()
options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --peers) peers=true ;;
        --quick)
            forwarded+=(--quick)
            if [ "$kind" = learn ]; then options+=(--scale 0.1); else options+=(--quick); fi
            ;;
        --check)
            if [ "$kind" = learn ]; then forwarded+=(--check); else options+=(--check); fi
            ;;
        *) options+=("$1") ;;
    esac
    shift
done

# The same flags as every other script, so that nothing is built twice.
flags=(-c release -Xswiftc -enable-testing)
echo "building (the first build takes minutes)" >&2
swift build "${flags[@]}" --product meshnode >&2
binary=$(swift build "${flags[@]}" --show-bin-path)/meshnode
export MESHNODE_DATA="${MESHNODE_DATA:-$PWD/data}" OPENBLAS_NUM_THREADS=1

case "$kind" in crypto | learn) ;; *) peers=false ;; esac
if ! $peers; then exec "$binary" bench "$kind" "${options[@]+"${options[@]}"}"; fi

venv=Benchmarks/.venv/$kind
if ! cmp -s "Benchmarks/requirements-$kind.txt" "$venv/installed.txt"; then
    echo "installing the peers into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "Benchmarks/requirements-$kind.txt" >&2
    cp "Benchmarks/requirements-$kind.txt" "$venv/installed.txt"
fi
if [ "$kind" = learn ]; then
    # The script starts ours and the peers in turn, so that a busy machine slows all of them alike.
    exec "$venv/bin/python" Benchmarks/learn_peers.py "$binary" "${forwarded[@]+"${forwarded[@]}"}"
fi
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
"$binary" bench crypto "${options[@]+"${options[@]}"}" --json | tee "$rows"
"$venv/bin/python" Benchmarks/peers.py "$rows" "${forwarded[@]+"${forwarded[@]}"}"
