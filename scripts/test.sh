#!/usr/bin/env bash
# Installs, builds, and runs every check and test. The last line is 'N passed, N failed', and where something was
# skipped ', N skipped', which is then named above it. With CI set, what a full run needs may not be missing.
# Builds and static checks run at the same time; test suites run alone, because many measure time. Each step reports its
# seconds, and the slowest are listed at the end.
set -uo pipefail
. "$(dirname "$0")/lib.sh"

results=.build/test
passed=0 failed=0 skipped=0
failures=() skips=()

skip() { # NAME REASON
  say "-- $1: skipped: $2"
  skipped=$((skipped + 1))
  skips+=("$1: $2")
}

fail() { # NAME
  say "-- $1: FAILED"
  failed=$((failed + 1))
  failures+=("$1")
}

# took NAME SECONDS: the time of a step, for the list of the slowest.
took() {
  say "-- $1: $2 s"
  printf '%s\t%s\n' "$2" "$1" >>"$results/seconds"
}

# check NAME COMMAND...: one step that passes or fails as a whole.
check() {
  start_check "$@"
  finish_checks
}

# start_check NAME COMMAND...: the same, beside the steps that follow. finish_checks waits for all that were started.
checks=() check_pids=()
start_check() {
  local name=$1 output=$results/check-${#checks[@]} begin=$SECONDS
  shift
  checks+=("$name")
  (
    "$@" >"$output" 2>&1 </dev/null
    status=$?
    took "$name" $((SECONDS - begin))
    exit "$status"
  ) &
  check_pids+=($!)
}

finish_checks() {
  local i
  for i in "${!checks[@]}"; do
    if wait "${check_pids[i]}"; then
      passed=$((passed + 1))
    else
      tail -n 100 "$results/check-$i" >&2
      fail "${checks[i]}"
    fi
  done
  checks=() check_pids=()
}

# tests NAME PATH...: a run of bun's test runner; each test counts. A run whose report cannot be read, or that
# failed outside of any test, counts as one more failure.
tests() {
  local name=$1 report=$results/junit.xml status counts begin=$SECONDS
  shift
  say "-- $name"
  rm -f "$report"
  # Through a pipe: a worker may not write to files, its standard error included.
  timeout 1500 "$bun" test --timeout 60000 --reporter=junit --reporter-outfile="$report" "$@" \
    2>&1 </dev/null | cat >"$results/output"
  status=${PIPESTATUS[0]}
  took "$name" $((SECONDS - begin))
  [ "$status" -eq 0 ] || grep -av '^(pass)' "$results/output" | tail -n 150 >&2
  if ! counts=$(python3 scripts/junit_counts.py "$report"); then
    fail "$name (no report; exit status $status)"
    return
  fi
  local run_passed run_failed row
  read -r run_passed run_failed <<<"$(head -n 1 <<<"$counts")"
  passed=$((passed + run_passed))
  failed=$((failed + run_failed))
  while IFS=$'\t' read -r kind row; do
    case "$kind" in
      failed) failures+=("$name: $row") ;;
      skipped)
        skips+=("$name: $row")
        skipped=$((skipped + 1))
        ;;
    esac
  done < <(tail -n +2 <<<"$counts")
  # A failure outside of any test, such as a file that does not load, is only in bun's own count.
  local said
  said=$(sed -nE 's/^ *([0-9]+) fail$/\1/p' "$results/output" | tail -n 1)
  if [ "${said:-0}" -gt "$run_failed" ] || { [ $status -ne 0 ] && [ "$run_failed" -eq 0 ]; }; then
    fail "$name (exit status $status, a failure outside of any test)"
  fi
}

has_any() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null && return 0
  done
  return 1
}

# third-party/libraries.json names the formatter's version, because each version formats differently.
install_formatter() {
  local want
  want=$(scripts/fetch-sources.py --requirement clang-format) || return
  if stamp_is formatter "$want" && [ -d .build/py ]; then
    return
  fi
  rm -rf .build/py
  printf '%s\n' "$want" >.build/formatter.txt
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --only-binary :all: --require-hashes --target .build/py --requirement .build/formatter.txt &&
    stamp_set formatter "$want"
}

# Packages as tenants use them; the product does not depend on them.
install_test_packages() {
  local want
  want=$(content_hash tests/packages/package-lock.json)
  if stamp_is test-packages "$want" && [ -d tests/packages/node_modules ]; then
    return
  fi
  (cd tests/packages && npm ci --ignore-scripts --no-audit --no-fund) && stamp_set test-packages "$want"
}

c_format() {
  install_formatter &&
    git ls-files -z 'guest/*.c' 'guest/*.cpp' 'guest/*.h' 'native/*.c' 'native/*.h' 'fuzz/*.c' 'fuzz/*.h' 'tests/*.c' 'tests/*.h' 'bench/*.c' |
    xargs -0 .build/py/clang_format/data/bin/clang-format --dry-run -Werror
}

# Each machine's own settings say which registry packages come from.
no_registry_hosts() {
  ! git grep -nIE 'registry[.]npmjs|registry[.]yarnpkg|pypi[.]org|python[h]osted|crates[.]io/|proxy[.]golang|deb[.]debian|"resolved["]:' -- .
}

# Compares contents: no tracked file equals a file that the build fetches.
no_third_party_source() {
  local found
  found=$(comm -12 <(git ls-files -s | cut -d' ' -f2 | sort -u) \
    <(find .build/sources -type f -size +0 ! -name .stamp -print | git hash-object --stdin-paths | sort -u))
  [ -z "$found" ] || {
    git ls-files -s | grep -F "$found"
    return 1
  }
}

sanitized_worker_tests() {
  if ! { has_any gcc clang && has_any g++ clang++; }; then
    if [ -n "${CI:-}" ]; then
      say 'With CI set a C compiler (gcc and g++, or clang) has to be there.'
      fail 'sanitized build'
    else
      skip 'sanitized build and its tests' 'no C compiler on this machine'
    fi
    return
  fi
  local before=$failed
  check 'sanitized build' scripts/build-asan.sh
  [ "$failed" -eq "$before" ] || return
  FUNCTIONS_TEST_SANITIZED=1 FUNCTIONS_TEST_WORKER=$root/.build/asan/quickjs-worker \
    tests 'worker tests, sanitized' ./tests/worker ./tests/web
  # Only the tests that finish in time although every allocation runs a garbage collection.
  FUNCTIONS_TEST_SANITIZED=1 FUNCTIONS_TEST_WORKER=$root/.build/asan/quickjs-worker-gc \
    tests 'a sample of them, with a collection for every object' \
    ./tests/worker/{async-context,body,handler}.test.ts \
    ./tests/web/{compression,encoding,events,fetch-request,formdata,request,url-pattern}.test.ts
  fuzz_corpus
}

# Runs each input of the fuzz corpus again, under the sanitizers.
fuzz_corpus() {
  local target
  while read -r target; do
    FUNCTIONS_FUZZ_TARGET=$(fuzz_name "$target") check "fuzz corpus, $target" \
      timeout 120 .build/asan/fuzz-replay "fuzz/corpus/$target"/*
  done < <(fuzz_targets)
}

finish() {
  local row
  say "The slowest steps, in seconds, of $SECONDS:"
  sort -rn "$results/seconds" | head -n 10 >&2
  for row in "${skips[@]}"; do
    echo "skipped: $row"
  done
  for row in "${failures[@]}"; do
    echo "failed: $row"
  done
  if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
  else
    echo "$passed passed, $failed failed"
  fi
  [ "$failed" -eq 0 ]
  exit
}

mkdir -p "$results"
: >"$results/seconds"
say '-- build'
if scripts/build.sh </dev/null; then
  took build "$SECONDS"
  passed=$((passed + 1))
else
  # Without a build, the other steps say nothing about the sources.
  fail build
  finish
fi
bun=$(find_bun)

# scripts/build.sh covers neither this architecture nor debug mode; the result cannot run here.
start_check 'build for aarch64, debug mode' \
  run_zig build -Dtarget=aarch64-linux-musl --prefix .build/aarch64-debug
start_check 'programs of the attack tests' build_attackers
start_check 'no registry host in a tracked file' no_registry_hosts
start_check 'no third-party source is tracked' no_third_party_source
start_check 'biome' node_modules/.bin/biome check .
start_check 'clang-format' c_format
start_check 'tsc' node_modules/.bin/tsc --noEmit
start_check 'packages for the tests' install_test_packages
finish_checks
tests 'scripts' ./tests/scripts
tests 'documents' ./tests/docs
tests 'launcher' ./tests/launcher
tests 'unit' ./src
tests 'worker' ./tests/worker ./tests/web
tests 'examples' ./tests/examples
tests 'benchmarks' ./tests/bench
tests 'types' ./tests/types
tests 'packages' ./tests/packages
tests 'web-platform-tests' ./tests/wpt
tests 'test262' ./tests/test262
tests 'egress' ./tests/egress
tests 'conformance' ./tests/conformance
tests 'hostile' ./tests/hostile
tests 'end to end' ./tests/e2e
sanitized_worker_tests
finish
