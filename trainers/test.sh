#!/usr/bin/env bash
# Runs the tests: ./trainers/test.sh [--tier a|b|c|d]... [arguments of pytest]; tier a where none is named.
#
#   a   numpy and scikit-learn                        seconds to install
#   b   and PyTorch for CPUs (about 200 MB)           locks/b.txt names the wheel; PIP_FIND_LINKS may name a folder with it
#   c   and transformers and PEFT
#   d   Flower, an old and a new version, each in an environment of its own
#
# Environments lie in ${XDG_CACHE_HOME:-~/.cache}/meshnode/venvs. Tests of libraries that a tier lacks are skipped, with the
# reason and their number at the end.
set -euo pipefail
cd "$(dirname "$0")"
. ./environment.sh
tiers=()
while [ $# -gt 0 ]; do
    case $1 in
        --tier) tiers+=("${2:?--tier takes a, b, c or d}"); shift 2 ;;
        --tier=*) tiers+=("${1#--tier=}"); shift ;;
        *) break ;;
    esac
done
[ ${#tiers[@]} -gt 0 ] || tiers=(a)
export PYTHONPATH=$PWD/src PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
status=0
for tier in "${tiers[@]}"; do
    case $tier in
        a) locks=(locks/a.txt); tests=(tests) ;;
        b) locks=(locks/b.txt); tests=(tests/test_torch.py) ;;
        c) locks=(locks/c.txt); tests=(tests/test_lora.py) ;;
        d) locks=(locks/d-old.txt locks/d-new.txt); tests=(tests/test_flower.py tests/test_flower_conformance.py) ;;
        *) echo "there is no tier $tier; a, b, c and d are known" >&2; exit 2 ;;
    esac
    for lock in "${locks[@]}"; do
        python=$(venv_of "$lock")
        echo "== tier $tier, $lock"
        # The trainers' processes get no PYTHONPATH from a node, so the package is part of the environment.
        place=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
        echo "$PWD/src" >"$place/meshnode-trainer-under-test.pth"
        if [ "$tier" = a ]; then
            "$python" -m mypy --no-incremental
            "$python" -m ruff check --no-cache .
        fi
        "$python" -m pytest "${tests[@]}" "$@" || status=$?
    done
done
exit $status
