#!/usr/bin/env bash
# Runs one fuzz target for NSMON_FUZZ_SECONDS (60) on fresh seeds: "run.sh TARGET SEEDER KIND SOURCE_DIR".  A finding
# fails it and is kept beside the build.
set -u
target=$1
seeder=$2
kind=$3
source=$4
seconds=${NSMON_FUZZ_SECONDS:-60}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
captures=$(find "$source/tests/data" "$source/../shared/corpora/exports" "$source/../shared/corpora/matched" \
    -name '*.pcap' 2>/dev/null)
# shellcheck disable=SC2086 # a list of files without blanks
"$seeder" "$folder/seeds" $captures >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
mkdir "$folder/new"
"$target" "$folder/new" "$folder/seeds/$kind" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -artifact_prefix="$PWD/finding-$(basename "$target")-" -print_final_stats=1 >"$folder/log" 2>&1
status=$?
if [ $status -ne 0 ]; then
    tail -n 60 "$folder/log"
    exit $status
fi
grep -E "^stat::number_of_executed_units|^Done" "$folder/log"
