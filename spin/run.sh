#!/usr/bin/env bash
# Checks the lock rule with spin: the rule holds, and each planted bug is refuted.
#
#   spin/run.sh [DIRECTORY]        exit 0 when all five verdicts are as they must be
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in spin gcc; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "$tool is missing; install it with: sudo apt-get install -y spin gcc" >&2
        exit 69
    }
done
# A path that the caller gives means what it means where the caller stands.
work=${1:-$folder/../.build/spin}
mkdir -p "$work"
work=$(cd "$work" && pwd)
model=$folder/lock.pml
failed=0
unfinished='max search depth too small\|Search not completed\|out of memory'

# check NAME WANTED FLAG...: WANTED is 0 for a rule that holds, 1 for a bug that is found.
check() {
    local name=$1 wanted=$2
    shift 2
    local folder=$work/$name
    mkdir -p "$folder" && cd "$folder"
    rm -f pan pan.* spin.log lock.pml.trail
    spin "$@" -a "$model" >spin.log
    gcc -O2 -w -DSAFETY -DCOLLAPSE -DNOFAIR -DMEMLIM=3000 -o pan pan.c
    # A search that ends before the whole space was seen proves nothing.
    timeout 300 ./pan -m200000 -w24 >pan.log 2>&1 || true
    local errors states
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log | head -1)
    states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log | head -1)
    # A bug that is found may end the search early; a search without a verdict found nothing, whatever was wanted.
    if [ -z "$errors" ] || { [ "$wanted" = 0 ] && grep -q "$unfinished" pan.log; }; then
        echo "FAIL  $name: the search did not end; see $folder/pan.log"
        failed=1
    elif [ "$wanted" = 0 ] && [ "$errors" != 0 ]; then
        echo "FAIL  $name: spin found a run with two decided blocks; see $folder"
        failed=1
    elif [ "$wanted" = 1 ] && [ "$errors" = 0 ]; then
        echo "FAIL  $name: the planted bug was not found"
        failed=1
    elif [ "$wanted" = 0 ]; then
        echo "ok    $name: no run with two decided blocks at a height ($states states)"
    else
        echo "ok    $name: refuted ($states states)"
    fi
}

check rule 0
check no-lock 1 -DNO_LOCK
check amnesia 1 -DAMNESIA
check low-quorum 1 -DLOW_QUORUM
check stale-pol 1 -DSTALE_POL
exit $failed
