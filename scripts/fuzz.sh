#!/usr/bin/env bash
# Fuzzes the worker's frame decoder and the native parsers that tenants' bytes reach: `fuzz.sh [SECONDS] [TARGET...]`,
# by default 600 seconds over all targets. It needs clang with libFuzzer; run scripts/build.sh first.
# New inputs stay in .build/fuzz/corpus. A finding prints the input's path and how to repeat it. After the fix, add the
# input to fuzz/corpus, which scripts/test.sh replays.
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
[ $each -gt 0 ] || die "$seconds seconds are too few: ${#targets[@]} targets need at least one second each."

out=.build/fuzz
# No leak check: a target keeps its engine by design, and a leak found after thousands of inputs cannot be traced to one
# of them. The tests check for leaks at the end of each sanitized worker (FN_SANITIZE, teardown.c).
options=(-timeout=20 -rss_limit_mb=2048 -detect_leaks=0)

# fuzz TARGET LOG: runs a target for $each seconds.
fuzz() {
  FUNCTIONS_FUZZ_TARGET=$(fuzz_name "$1") "$out/fuzz" "$out/corpus/$1" "fuzz/corpus/$1" "${options[@]}" \
    -max_total_time="$each" -print_final_stats=1 -artifact_prefix="$out/findings/$1-" >"$2" 2>&1
}

# minimise TARGET LOG: keeps the smallest inputs that add coverage to those in fuzz/corpus.
minimise() {
  rm -rf "$out/merged"
  mkdir -p "$out/merged"
  FUNCTIONS_FUZZ_TARGET=$(fuzz_name "$1") "$out/fuzz" -merge=1 "${options[@]}" -artifact_prefix="$out/findings/$1-" \
    "$out/merged" "fuzz/corpus/$1" "$out/corpus/$1" >>"$2" 2>&1 || return
  rm -rf "${out:?}/corpus/$1"
  mv "$out/merged" "$out/corpus/$1"
}

failed=0
for target in "${targets[@]}"; do
  mkdir -p "$out/corpus/$target" "$out/findings"
  log=$out/$target.log
  if fuzz "$target" "$log" && minimise "$target" "$log"; then
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | head -n 1) inputs," \
      "$(find "$out/corpus/$target" -type f | wc -l) kept"
  else
    failed=1
    finding=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    say "$target: FAILED, see $log. Repeat it with: FUNCTIONS_FUZZ_TARGET=$(fuzz_name "$target") $out/fuzz $finding"
  fi
done
exit $failed
