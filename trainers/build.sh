#!/usr/bin/env bash
# Builds the wheel into trainers/dist (or the folder given as the first argument). Needs Python 3.10 or later and PyPI.
set -euo pipefail
cd "$(dirname "$0")"
. ./environment.sh
out=${1:-dist}
python=$(venv_of locks/build.txt)
# The licence of the repository goes into the wheel; a copy that is left behind would be a second one to keep.
cp ../LICENSE LICENSE
trap 'rm -rf LICENSE build' EXIT
"$python" -m build --wheel --no-isolation --outdir "$out" . >&2
ls "$out"/meshnode_trainer-*.whl
