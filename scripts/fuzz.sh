#!/usr/bin/env bash
# Fuzzes the worker's frame decoder and the native parsers that tenants' bytes reach: `fuzz.sh [SECONDS] [TARGET...]`,
# 600 seconds over all targets by default. It needs clang with libFuzzer; scripts/build.sh has run before.
# What is new in the corpus stays in .build/fuzz/corpus. A finding ends it with the input's path and how to repeat it;
# mended, the input belongs into worker-c/fuzz/corpus, which scripts/test.sh replays.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/build-asan.sh --fuzz
seconds=${1:-600}
shift $(($# > 0 ? 1 : 0))
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(fuzz_targets)
fi
each=$((seconds / ${#targets[@]}))
[ $each -gt 0 ] || die "So many targets need at least ${#targets[@]} seconds."

out=.build/fuzz
failed=0
for target in "${targets[@]}"; do
  mkdir -p "$out/corpus/$target" "$out/findings"
  name=$(fuzz_name "$target")
  log=$out/$target.log
  if FUNCTIONS_FUZZ_TARGET=$name "$out/fuzz" "$out/corpus/$target" "worker-c/fuzz/corpus/$target" \
    -max_total_time="$each" -timeout=20 -rss_limit_mb=2048 -detect_leaks=0 -print_final_stats=1 \
    -artifact_prefix="$out/findings/$target-" >"$log" 2>&1; then
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(find "$out/corpus/$target" -type f | wc -l) kept"
  else
    failed=1
    finding=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    say "$target: FAILED, $log says how; again with: FUNCTIONS_FUZZ_TARGET=$name $out/fuzz $finding"
  fi
done
exit $failed
