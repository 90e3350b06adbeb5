#!/usr/bin/env bash
# Fuzz/run.sh [--seconds N | --runs N] [--replay] [--coverage] [TARGET...]: each target in turn for 20 seconds, N seconds or
# N executions.
#
# --replay    only what is kept: every input of Fuzz/corpus once
# --coverage  a second build, which prints the share of lines of each target's file that its inputs reach
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
    --coverage) coverage=yes; limit=(-runs=0); shift ;;
    -*) sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    *) targets+=("$1"); shift ;;
    esac
done
# With the backtracer on, the program that traps is replaced by one that prints a trace, and no input is written.
export SWIFT_BACKTRACE=enable=no OPENBLAS_NUM_THREADS=1
flags=(-c release --scratch-path .build)
[ -z "$coverage" ] || flags=(-c debug --scratch-path .build/coverage -Xswiftc -profile-generate
    -Xswiftc -profile-coverage-mapping)
swift build "${flags[@]}" --product meshnode-fuzz >&2
program=$(swift build "${flags[@]}" --show-bin-path)/meshnode-fuzz
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$program" | cut -d' ' -f1)
failed=0
for target in "${targets[@]}"; do
    found=.build/found/$target
    log=.build/$target.log
    mkdir -p "corpus/$target" "$found"
    started=$SECONDS
    if ! LLVM_PROFILE_FILE=$PWD/.build/$target.profraw "$program" "$target" "${limit[@]}" -max_len=1024 -timeout=30 \
        -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="corpus/$target/" "$found" "corpus/$target" \
        >"$log" 2>&1; then
        failed=1
        grep -E 'Fatal error|SUMMARY|Test unit written| in \$s' "$log" | head -12 >&2 || true
        echo "$target: an input ended it; it lies in Fuzz/corpus/$target" >&2
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    line="$target: ${runs:-no} executions, $((SECONDS - started)) s"
    if [ -n "$coverage" ]; then
        subject=$("$program" | sed -n "s/^$target //p")
        llvm-profdata merge -o ".build/$target.profdata" ".build/$target.profraw"
        share=$(llvm-cov report "$program" -instr-profile=".build/$target.profdata" 2>/dev/null |
            awk -v name="${subject#Sources/}" 'index($1, name) { print $10 }')
        line="$line, $subject: ${share:-unknown} of its lines"
    fi
    echo "$line"
done
exit $failed
