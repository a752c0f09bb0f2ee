#!/usr/bin/env bash
# Installs, builds, and runs every check and test. The last line is 'N passed, N failed', and where something was
# skipped ', N skipped', which is then named above it. With CI set, what a full run needs may not be missing.
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

# check NAME COMMAND...: one step that passes or fails as a whole.
check() {
  local name=$1
  shift
  say "-- $name"
  if "$@" >"$results/output" 2>&1 </dev/null; then
    passed=$((passed + 1))
  else
    tail -n 100 "$results/output" >&2
    fail "$name"
  fi
}

# tests NAME PATH...: a run of bun's test runner; each test counts. A run whose report cannot be read, or that
# failed outside of any test, counts as one more failure.
tests() {
  local name=$1 report=$results/junit.xml status counts
  shift
  say "-- $name"
  rm -f "$report"
  # Through a pipe: a worker may not write to files, its standard error included.
  timeout 1500 "$bun" test --timeout 60000 --reporter=junit --reporter-outfile="$report" "$@" \
    2>&1 </dev/null | cat >"$results/output"
  status=${PIPESTATUS[0]}
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
  # What fails outside of any test, as when a file does not load, is in bun's own count only.
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

install_formatter() {
  local want
  want=$(content_hash third-party/format.txt)
  if stamp_is formatter "$want" && [ -d .build/py ]; then
    return
  fi
  rm -rf .build/py
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --only-binary :all: --require-hashes --target .build/py --requirement third-party/format.txt &&
    stamp_set formatter "$want"
}

# Packages as tenants use them; nothing of ours depends on them.
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

# The places that packages come from belong to each machine's own settings.
no_registry_hosts() {
  ! git grep -nIE 'registry[.]npmjs|registry[.]yarnpkg|pypi[.]org|python[h]osted|crates[.]io/|proxy[.]golang|deb[.]debian|"resolved["]:' -- .
}

# By content: no tracked file is one of those that the build fetches.
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
  # Those that come to their end although each object that is made costs a collection.
  FUNCTIONS_TEST_SANITIZED=1 FUNCTIONS_TEST_WORKER=$root/.build/asan/quickjs-worker-gc \
    tests 'a sample of them, with a collection for every object' \
    ./tests/worker/{async-context,body,handler}.test.ts \
    ./tests/web/{compression,encoding,events,fetch-request,formdata,request,url-pattern}.test.ts
  fuzz_corpus
}

# What fuzzing has found, and where it begins: each input again, under the sanitizers.
fuzz_corpus() {
  local target
  while read -r target; do
    FUNCTIONS_FUZZ_TARGET=$(fuzz_name "$target") check "fuzz corpus, $target" \
      timeout 120 .build/asan/fuzz-replay "fuzz/corpus/$target"/*
  done < <(fuzz_targets)
}

finish() {
  local row
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
say '-- build'
if scripts/build.sh </dev/null; then
  passed=$((passed + 1))
else
  # Nothing below says anything about the sources where there is no build of them.
  fail build
  finish
fi
bun=$(find_bun)

# Both ways that scripts/build.sh does not go, at once; the result cannot run here.
check 'build for aarch64, debug mode' \
  run_zig build -Dtarget=aarch64-linux-musl --prefix .build/aarch64-debug
check 'no registry host in a tracked file' no_registry_hosts
check 'no third-party source is tracked' no_third_party_source
check 'biome' node_modules/.bin/biome check .
check 'clang-format' c_format
check 'tsc' node_modules/.bin/tsc --noEmit
tests 'scripts' ./tests/scripts
tests 'launcher' ./tests/launcher
tests 'unit' ./src
tests 'worker' ./tests/worker ./tests/web
tests 'examples' ./tests/examples
tests 'benchmarks' ./tests/bench
tests 'types' ./tests/types
check 'packages for the tests' install_test_packages
tests 'packages' ./tests/packages
tests 'web-platform-tests' ./tests/wpt
tests 'test262' ./tests/test262
tests 'egress' ./tests/egress
tests 'conformance' ./tests/conformance
tests 'hostile' ./tests/hostile
tests 'end to end' ./tests/e2e
sanitized_worker_tests
finish
