#!/usr/bin/env bash
# Training speed of the built-in models, one thread; with --peers beside NumPy and PyTorch on the same rows in the same run.
#
#   ./Benchmarks/learn.sh [--peers] [--quick]
#
# The peers come from Debian (python3-numpy, python3-torch); without them the script says what to install and ends with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. testnet/setup.sh
peers=no
scale=1
for argument in "$@"; do
    case "$argument" in
    --peers) peers=yes ;;
    --quick) scale=0.1 ;;
    *)
        echo "unknown option $argument; use --peers, --quick" >&2
        exit 64
        ;;
    esac
done
need_swift
build --product meshnode
export MESHNODE_DATA="$PWD/data" OPENBLAS_NUM_THREADS=1
ours="$(mktemp)"
trap 'rm -f "$ours"' EXIT
"$BINARY" bench learn --json --scale "$scale" | tee "$ours"
[ "$peers" = yes ] || exit 0
python=/usr/bin/python3
"$python" -c 'import numpy, torch' 2>/dev/null || {
    echo "the peers need NumPy and PyTorch: apt-get install --no-install-recommends python3-numpy python3-torch" >&2
    exit 1
}
"$python" Benchmarks/learn_peers.py "$ours"
