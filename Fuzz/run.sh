#!/usr/bin/env bash
# Fuzz/run.sh [--seconds N | --runs N | --fixed N] [--replay] [--coverage] [--build] [TARGET...]: each target in turn for
# 20 seconds, N seconds or N executions.
#
# --fixed N   N executions that are the same ones in every run, as CI has them: a fixed seed, and of the inputs only what
#             is kept. What somebody's commit is judged by must not be a matter of luck
# --replay    only what is kept: every input of Fuzz/corpus once
# --build     builds and runs nothing
# --coverage  also the lines of each target's file that what is kept and found reaches, by a second build that counts them
#
# What covers something new goes to Fuzz/.build/found/TARGET and serves later runs. An input that ends the program becomes
# Fuzz/corpus/TARGET/crash-HASH, and the exit status 1; the tests (FuzzTests) replay it until its cause is mended, and after.
set -euo pipefail
cd "$(dirname "$0")"
limit=(-max_total_time=20)
chosen= coverage= fixed= only_build=
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) limit=("-max_total_time=$2") chosen=yes; shift 2 ;;
    --runs) limit=("-runs=$2") chosen=yes; shift 2 ;;
    --fixed) limit=("-runs=$2") chosen=yes fixed=yes; shift 2 ;;
    --replay) limit=(-runs=0) chosen=yes; shift ;;
    --build) only_build=yes; shift ;;
    --coverage) coverage=yes; shift ;;
    -*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
    *) targets+=("$1"); shift ;;
    esac
done
[ -z "$coverage" ] || [ -n "$chosen" ] || limit=(-runs=0)
# Comparisons seen in a run depend on addresses: they would be hints of another kind each time.
[ -z "$fixed" ] || limit+=(-seed=1 -use_cmp=0)
# With the backtracer on, the program that traps is replaced by one that prints a trace, and no input is written.
export SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1 OPENBLAS_NUM_THREADS=1
swift build -c release --product meshnode-fuzz >&2
[ -z "$only_build" ] || exit 0
program=.build/release/meshnode-fuzz
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$program" | cut -d' ' -f1)
if [ -n "$coverage" ]; then
    counting=(-c release --scratch-path .build/lines -Xswiftc -profile-generate -Xswiftc -profile-coverage-mapping)
    swift build "${counting[@]}" --product meshnode-fuzz >&2
    tools=$(swiftc -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1/bin|p')
fi

# lines TARGET INPUT...: runs the inputs once and says how many lines of the target's file they reach.
lines() {
    local target=$1 counted=.build/lines/release/meshnode-fuzz subject
    shift
    subject=$("$program" | sed -n "s|^$target Sources/||p")
    LLVM_PROFILE_FILE=.build/$target.profraw "$counted" "$target" -runs=0 "$@" >/dev/null 2>&1 || true
    "$tools/llvm-profdata" merge -o ".build/$target.profdata" ".build/$target.profraw"
    "$tools/llvm-cov" report "$counted" -instr-profile=".build/$target.profdata" "$PWD/Core/$subject" |
        awk -v file="$subject" '$1 == "TOTAL" { printf "%d of %d lines of %s", $8 - $9, $8, file }'
}

failed=0
for target in "${targets[@]}"; do
    found=.build/found/$target
    log=.build/$target.log
    mkdir -p "corpus/$target" "$found"
    started=$SECONDS
    inputs=("$found" "corpus/$target")
    if [ -n "$fixed" ]; then
        # In an order that no file system chooses.
        find "corpus/$target" -type f | LC_ALL=C sort | paste -sd, >.build/$target.inputs
        inputs=("-seed_inputs=@.build/$target.inputs")
    fi
    if ! "$program" "$target" "${limit[@]}" -max_len=1024 -timeout=30 \
        -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="corpus/$target/" "${inputs[@]}" >"$log" 2>&1; then
        failed=1
        grep -E 'Fatal error|SUMMARY|Test unit written| in \$s' "$log" | head -12 >&2 || true
        echo "$target: an input ended it; it lies in Fuzz/corpus/$target" >&2
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    line="$target: ${runs:-no} executions, $((SECONDS - started)) s"
    [ -z "$coverage" ] || line="$line, $(lines "$target" "${inputs[@]}")"
    echo "$line"
done
exit $failed
