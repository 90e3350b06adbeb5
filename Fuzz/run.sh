#!/usr/bin/env bash
# Fuzz/run.sh [--seconds N | --runs N] [--replay] [--coverage] [TARGET...]: each target in turn for 20 seconds, N seconds or
# N executions.
#
# --replay    only what is kept: every input of Fuzz/corpus once
# --coverage  the same, and the share of the branches of each target's file that its inputs reach
#
# What covers something new goes to Fuzz/.build/found/TARGET and serves later runs. An input that ends the program becomes
# Fuzz/corpus/TARGET/crash-HASH, and the exit status 1; the tests (FuzzTests) replay it until its cause is mended, and after.
set -euo pipefail
cd "$(dirname "$0")"
limit=(-max_total_time=20)
coverage=
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) limit=("-max_total_time=$2"); shift 2 ;;
    --runs) limit=("-runs=$2"); shift 2 ;;
    --replay) limit=(-runs=0); shift ;;
    --coverage) coverage=yes; limit=(-runs=0 -print_coverage=1); shift ;;
    -*) sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    *) targets+=("$1"); shift ;;
    esac
done
# With the backtracer on, the program that traps is replaced by one that prints a trace, and no input is written.
export SWIFT_BACKTRACE=enable=no OPENBLAS_NUM_THREADS=1
swift build -c release --product meshnode-fuzz >&2
program=.build/release/meshnode-fuzz
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$program" | cut -d' ' -f1)
failed=0
for target in "${targets[@]}"; do
    found=.build/found/$target
    log=.build/$target.log
    mkdir -p "corpus/$target" "$found"
    started=$SECONDS
    if ! "$program" "$target" "${limit[@]}" -max_len=1024 -timeout=30 \
        -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="corpus/$target/" "$found" "corpus/$target" \
        >"$log" 2>&1; then
        failed=1
        grep -E 'Fatal error|SUMMARY|Test unit written| in \$s' "$log" | head -12 >&2 || true
        echo "$target: an input ended it; it lies in Fuzz/corpus/$target" >&2
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    line="$target: ${runs:-no} executions, $((SECONDS - started)) s"
    if [ -n "$coverage" ]; then
        subject=$("$program" | sed -n "s|^$target Sources/||p")
        share=$(awk -v file="$subject:" '/COVERED_FUNC/ && index($0, file) {
            for (i = 1; i < NF; i++) if ($i == "edges:") { split($(i + 1), edges, "/"); reached += edges[1]; all += edges[2] }
        } END { if (all) printf "%d of %d", reached, all }' "$log")
        line="$line, branches of $subject: ${share:-not instrumented}"
    fi
    echo "$line"
done
exit $failed
