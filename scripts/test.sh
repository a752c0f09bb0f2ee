#!/usr/bin/env bash
# Installs, builds, and runs every check and test. The last line is 'N passed, N failed', with ', N skipped' if tests
# were skipped. The lines before it name the failed and the skipped ones. With CI set, a missing C compiler is a failure.
# Builds and static checks run at the same time. Test suites run one at a time, because many measure time. Each step
# reports its seconds, and the slowest are listed at the end.
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

# took NAME SECONDS: reports the time of a step and keeps it for the list of the slowest.
took() {
  say "-- $1: $2 s"
  printf '%s\t%s\n' "$2" "$1" >>"$results/seconds"
}

# check NAME COMMAND...: runs a step that passes or fails as a whole.
check() {
  start_check "$@"
  finish_checks
}

# start_check NAME COMMAND...: the same in the background. finish_checks waits for all checks that were started.
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

# count_report NAME REPORT WHY: counts each test of a JUnit report. $run_failed is how many of them failed. A report
# that cannot be read counts as one failure, with WHY.
count_report() {
  local name=$1 counts run_passed kind row
  if ! counts=$(python3 scripts/junit_counts.py "$2"); then
    fail "$name (no report; $3)"
    return 1
  fi
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
}

# run_tests SLOT NAME PATH...: runs bun's test runner. Report, output and exit status are files of the slot.
run_tests() {
  local slot=$results/$1 name=$2 begin=$SECONDS
  shift 2
  rm -f "$slot.xml"
  # The output goes through a pipe, because a worker may not write to a file, not even as its standard error.
  timeout 1500 "$bun" test --timeout 60000 --reporter=junit --reporter-outfile="$slot.xml" "$@" \
    2>&1 </dev/null | cat >"$slot.output"
  echo "${PIPESTATUS[0]}" >"$slot.status"
  took "$name" $((SECONDS - begin))
}

# count_tests SLOT NAME: counts each test of run_tests. A run without a readable report, or with a failure outside of
# any test, counts as one more failure.
count_tests() {
  local slot=$results/$1 name=$2 status
  status=$(<"$slot.status")
  [ "$status" -eq 0 ] || grep -av '^(pass)' "$slot.output" | tail -n 150 >&2
  local run_failed
  count_report "$name" "$slot.xml" "exit status $status" || return
  # The report lacks a failure outside of any test, such as a file that does not load. Bun's own count has it.
  local said
  said=$(sed -nE 's/^ *([0-9]+) fail$/\1/p' "$slot.output" | tail -n 1)
  if [ "${said:-0}" -gt "$run_failed" ] || { [ "$status" -ne 0 ] && [ "$run_failed" -eq 0 ]; }; then
    fail "$name (exit status $status, a failure outside of any test)"
  fi
}

# tests NAME PATH...: runs tests and counts them.
tests() {
  say "-- $1"
  run_tests now "$@"
  count_tests now "$1"
}

# start_tests NAME PATH...: the same beside what follows, one at a time. finish_tests waits for it.
beside='' beside_pid=''
start_tests() {
  say "-- $1 (beside others)"
  beside=$1
  run_tests beside "$@" &
  beside_pid=$!
}

finish_tests() {
  [ -n "$beside" ] || return 0
  wait "$beside_pid"
  count_tests beside "$beside"
  beside=''
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

# Installs the npm packages that the tests bundle as tenants do. The product does not depend on them.
install_test_packages() {
  local want
  want=$(content_hash tests/packages/package-lock.json)
  if stamp_is test-packages "$want" && [ -d tests/packages/node_modules ]; then
    return
  fi
  (cd tests/packages && npm ci --ignore-scripts --no-audit --no-fund) && stamp_set test-packages "$want"
}

# The reverse proxies that docs/http.md has configurations for. Debian's packages start services, which no test wants.
install_proxies() {
  local missing=() program
  for program in nginx haproxy caddy; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! has_any apt-get; then
    echo "Not installed: ${missing[*]}. The tests of these proxies are skipped by name."
    return
  fi
  without_services apt-get install -y -qq "${missing[@]}" ||
    { apt-get update -qq && without_services apt-get install -y -qq "${missing[@]}"; }
}

# without_services COMMAND...: packages that it installs do not start their services.
without_services() {
  local policy=/usr/sbin/policy-rc.d status
  if [ -e "$policy" ]; then
    DEBIAN_FRONTEND=noninteractive "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || return
  DEBIAN_FRONTEND=noninteractive "$@"
  status=$?
  rm -f "$policy"
  return "$status"
}

c_format() {
  install_formatter &&
    git ls-files -z 'guest/*.c' 'guest/*.cpp' 'guest/*.h' 'native/*.c' 'native/*.h' 'fuzz/*.c' 'fuzz/*.h' 'tests/*.c' 'tests/*.h' 'bench/*.c' |
    xargs -0 .build/py/clang_format/data/bin/clang-format --dry-run -Werror
}

# Each machine's own settings choose the registry, so no tracked file may name one.
no_registry_hosts() {
  ! git grep -nIE 'registry[.]npmjs|registry[.]yarnpkg|pypi[.]org|python[h]osted|crates[.]io/|proxy[.]golang|deb[.]debian|"resolved["]:' -- .
}

# Compares contents: no tracked file may equal a file that the build fetches.
no_third_party_source() {
  local found
  found=$(comm -12 <(git ls-files -s | cut -d' ' -f2 | sort -u) \
    <(find .build/sources -type f -size +0 ! -name .stamp -print | git hash-object --stdin-paths | sort -u))
  [ -z "$found" ] || {
    git ls-files -s | grep -F "$found"
    return 1
  }
}

has_c_compiler() {
  has_any gcc clang && has_any g++ clang++
}

# The build runs beside other tests, since most of them wait more than they compute.
start_sanitized_build() {
  ! has_c_compiler || start_check 'sanitized build' nice -n 10 scripts/build-asan.sh
}

# Starts the tests of a worker that is built with sanitizers.
start_sanitized_tests() {
  if ! has_c_compiler; then
    if [ -n "${CI:-}" ]; then
      say 'With CI set, the sanitized build may not be skipped. Install gcc and g++, or clang.'
      fail 'sanitized build'
    else
      skip 'sanitized build and its tests' 'no C compiler on this machine'
    fi
    return
  fi
  local before=$failed
  finish_checks
  [ "$failed" -eq "$before" ] || return
  sanitized=1
  FUNCTIONS_TEST_SANITIZED=1 FUNCTIONS_TEST_WORKER=$root/.build/asan/quickjs-worker \
    start_tests 'worker tests, sanitized' ./tests/worker ./tests/web
}

# Half of the end-to-end tests beside the sanitized ones, then the quarters that are left beside each other.
end_to_end() {
  local files=(./tests/e2e/*.test.ts) half=() quarters=([0]='' [1]='') at
  for at in "${!files[@]}"; do
    case $((at % 4)) in
      0 | 1) half+=("${files[at]}") ;;
      2) quarters[0]+=" ${files[at]}" ;;
      3) quarters[1]+=" ${files[at]}" ;;
    esac
  done
  tests 'end to end, half' "${half[@]}"
  finish_tests
  # File names have no blanks.
  # shellcheck disable=SC2086
  start_tests 'end to end, a quarter' ${quarters[0]}
  # shellcheck disable=SC2086
  tests 'end to end, the last quarter' ${quarters[1]}
  finish_tests
}

rest_of_sanitized_tests() {
  [ -n "$sanitized" ] || return 0
  # These tests finish in time although every allocation runs a garbage collection.
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

# The tests of tests/vm, in a virtual machine for each of Debian's kernels.
virtual_machine_tests() {
  if [ "${FUNCTIONS_TEST_VM:-}" != 1 ]; then
    skip 'virtual machine' 'an emulated one takes minutes; FUNCTIONS_TEST_VM=1 runs it, as scripts/vm-test.sh does'
    return
  fi
  local begin=$SECONDS report run_failed
  say '-- virtual machine'
  rm -f .build/vm/*.xml
  scripts/vm-test.sh >"$results/output" 2>&1 </dev/null || tail -n 100 "$results/output" >&2
  took 'virtual machine' $((SECONDS - begin))
  for report in .build/vm/*.xml; do
    count_report "virtual machine, $(basename -s .xml "$report")" "$report" 'see .build/vm'
  done
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
  # Without a build, the other steps would test an older one.
  fail build
  finish
fi
bun=$(find_bun)

# scripts/build.sh builds neither for this architecture nor in debug mode. The result is not run.
start_check 'build for aarch64, debug mode' \
  run_zig build -Dtarget=aarch64-linux-musl --prefix .build/aarch64-debug
start_check 'programs of the attack tests' build_attackers
start_check 'no registry host in a tracked file' no_registry_hosts
start_check 'no third-party source is tracked' no_third_party_source
start_check 'biome' node_modules/.bin/biome check .
start_check 'clang-format' c_format
start_check 'tsc' node_modules/.bin/tsc --noEmit
start_check 'packages for the tests' install_test_packages
start_check 'reverse proxies for the tests' install_proxies
finish_checks
start_sanitized_build
tests 'scripts' ./tests/scripts
tests 'documents' ./tests/docs
tests 'launcher' ./tests/launcher
tests 'unit' ./src
tests 'worker' ./tests/worker ./tests/web
tests 'examples' ./tests/examples
tests 'benchmarks' ./tests/bench
tests 'types' ./tests/types
start_tests 'packages' ./tests/packages
tests 'web-platform-tests' ./tests/wpt
tests 'test262' ./tests/test262
tests "Node's own tests" ./tests/node
tests 'egress' ./tests/egress
tests 'HTTP' ./tests/http
tests 'conformance' ./tests/conformance
finish_tests
tests 'hostile' ./tests/hostile
# These take minutes each. The first computes and the others mostly wait.
sanitized=''
start_sanitized_tests
end_to_end
rest_of_sanitized_tests
virtual_machine_tests
finish
