# Shared by the scripts of this folder; sourced, not run. Leaves the shell in the project's root.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# Stops if this machine lacks a program that the build needs and cannot install itself.
check_machine() {
  local missing=() tool
  [ "$(uname -s)" = Linux ] || die "functions is built on Linux only; this is $(uname -s)."
  case "$(uname -m)" in
    x86_64 | aarch64) ;;
    *) die "functions is built on x86_64 and aarch64 only; this is $(uname -m)." ;;
  esac
  for tool in node npm python3 flock; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if command -v python3 >/dev/null; then
    python3 -m pip --version >/dev/null 2>&1 || missing+=("pip (python3 -m pip)")
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    local list
    list=$(printf '%s, ' "${missing[@]}")
    die "This machine lacks ${list%, }: install it and run this again."
  fi
}

# Prints the path of Bun's binary. node_modules/.bin/bun works only after Bun's install script has run, and
# packages are installed without their scripts.
find_bun() {
  local arch candidate
  arch=$(uname -m)
  [ "$arch" = x86_64 ] && arch=x64
  for candidate in "node_modules/@oven/bun-linux-$arch/bin/bun" \
    "node_modules/@oven/bun-linux-$arch-musl/bin/bun" node_modules/bun/bin/bun.exe; do
    if [ -x "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
      printf '%s\n' "$root/$candidate"
      return
    fi
  done
  die "node_modules has no Bun that runs on this machine. Run scripts/build.sh, which installs it."
}

# Zig keeps its compiled libc in the user's cache folder. If that folder cannot be made, it uses .build.
run_zig() {
  if [ -z "${ZIG_GLOBAL_CACHE_DIR:-}" ] && ! mkdir -p "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}" 2>/dev/null; then
    export ZIG_GLOBAL_CACHE_DIR=$root/.build/zig-cache
  fi
  node_modules/.bin/zig "$@"
}

# Prints one hash over the names and contents of files and folders. A path that does not exist counts as empty.
content_hash() {
  { find "$@" -type f -print0 2>/dev/null || true; } | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1
}

# stamp_is NAME HASH: succeeds if the step NAME was last done for this input.
stamp_is() {
  [ "$(cat ".build/stamps/$1" 2>/dev/null)" = "$2" ]
}

stamp_set() {
  mkdir -p .build/stamps
  printf '%s\n' "$2" >".build/stamps/$1.$$"
  mv -f ".build/stamps/$1.$$" ".build/stamps/$1"
}

# Prints the fuzz targets, one on each line. fuzz_name prints the value of FUNCTIONS_FUZZ_TARGET for one of them.
fuzz_targets() {
  printf '%s\n' frames messages paths start zygote
  basename -s .js fuzz/targets/*.js
}

fuzz_name() { # TARGET
  if [ -f "fuzz/targets/$1.js" ]; then
    echo "fuzz/targets/$1.js"
  else
    echo "$1"
  fi
}

# Builds the programs of the tests that attack the sandbox. ./functions does not need them.
build_attackers() {
  run_zig build attackers --release=fast --prefix .build
}
