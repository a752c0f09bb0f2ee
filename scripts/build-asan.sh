#!/usr/bin/env bash
# Builds the worker with AddressSanitizer and UBSan, with the system's compiler and C library, into .build/asan:
#   quickjs-worker     without the layers that a sanitized program cannot run under (FN_SANITIZE)
#   quickjs-worker-gc  the same, but it collects garbage with every object that a tenant creates
#   fuzz-replay        runs inputs through the targets of fuzz/
# With --fuzz it builds .build/fuzz/fuzz instead: the same targets with libFuzzer, which needs clang.
# build.zig writes the list of files and flags, the release build's own. Run scripts/build.sh first.
# Objects are cached by their content, so an unchanged file is not compiled again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

out=.build/asan fuzz=false
if [ "${1:-}" = --fuzz ]; then
  out=.build/fuzz fuzz=true
fi
if $fuzz; then
  printf 'int LLVMFuzzerTestOneInput(const char *data, long len) { return data == 0 && len > 0; }' |
    clang -fsanitize=fuzzer -x c - -o /dev/null 2>/dev/null ||
    die 'Fuzzing needs clang with libFuzzer and compiler-rt (the Debian package is named clang).'
  cc=clang cxx=clang++
elif command -v gcc >/dev/null && command -v g++ >/dev/null; then
  cc=gcc cxx=g++
elif command -v clang >/dev/null && command -v clang++ >/dev/null; then
  cc=clang cxx=clang++
else
  die 'The sanitized build needs gcc and g++, or clang and clang++.'
fi
list=.build/generated/compile-list.json
run_zig build compile-list --release=fast --prefix .build || die "build.zig could not write $list."
[ -f .build/generated/builtins.c ] || die 'Run scripts/build.sh first: .build/generated/builtins.c does not exist.'

base=(-O1 -g -fno-omit-frame-pointer -fsanitize=address)
if $fuzz; then
  base+=(-fsanitize=fuzzer-no-link)
fi
# Only the project's own files are built with UBSan: its findings in libraries are not fixed here.
checked=(-fsanitize=undefined -fno-sanitize-recover=undefined -DFN_SANITIZE)

mkdir -p "$out/objects"
jobs_file=$(mktemp)
trap 'rm -f "$jobs_file"' EXIT
compilers=$("$cc" --version | head -n 1; "$cxx" --version | head -n 1)
library_headers=$(content_hash .build/sources/{quickjs,ada,yyjson,libuv/include,libuv/src} \
  node_modules/@scriptc/runtime/vendor/{zlib,mbedtls} guest/quickjs/web/crypto/crypto_config.h)
# Some fuzz targets include C files of the worker.
own_headers=$library_headers$(find guest/quickjs native fuzz -name '*.h' -print0 | sort -z |
  xargs -0 cat guest/quickjs/zygote/{worker_main,zygote}.c | sha256sum)

# compile HEADERS_HASH SOURCE COMPILER FLAG...: sets $object, and plans its compilation unless it is cached.
compile() {
  local headers=$1 source=$2 key
  shift 2
  key=$( (printf '%s\n' "$headers" "$source" "$compilers" "$@" && cat "$source") | sha256sum | cut -c1-40)
  object=$out/objects/$key.o
  if [ ! -f "$object" ]; then
    # One job a line for xargs: compile to a temporary name, then rename.
    printf '%q ' "$@" -c "$source" -o "$object.$$" >>"$jobs_file"
    printf '&& mv %q %q\n' "$object.$$" "$object" >>"$jobs_file"
  fi
}

# One line a file: the words GROUP LANGUAGE FILE FLAG..., quoted for the shell.
compile_list() {
  python3 -c 'import json, shlex, sys
for unit in json.load(open(sys.argv[1])):
    print(shlex.join([unit["group"], unit["language"], unit["file"], *unit["flags"]]))' "$list"
}

common=() main=() heap=() forced=() targets=() worker_flags=()
while IFS= read -r line; do
  eval "unit=($line)"
  group=${unit[0]} language=${unit[1]} file=${unit[2]} flags=("${unit[@]:3}")
  compiler=$cc headers=$library_headers
  [ "$language" = c ] || compiler=$cxx
  flags+=("${base[@]}")
  if [ "$group" = worker ]; then
    headers=$own_headers
    flags+=("${checked[@]}")
    # Objects that ada's headers bring in have no type information, which -fsanitize=vptr needs.
    [ "$language" = c ] || flags+=(-fno-sanitize=vptr)
  elif [ "$group" = ada ]; then
    flags+=(-O2) # at -O1 gcc cannot inline what ada marks as always inline
  fi
  compile "$headers" "$file" "$compiler" "${flags[@]}"
  case $file in
    */zygote/main.c) main=("$object") ;;
    */core/heap.c)
      heap=("$object")
      compile "$headers" "$file" "$compiler" "${flags[@]}" -DFN_FORCE_GC
      forced=("$object")
      ;;
    *) common+=("$object") ;;
  esac
  if [[ $file == guest/quickjs/core/*.c ]]; then
    worker_flags=("${flags[@]}")
  fi
done < <(compile_list)
[ ${#common[@]} -gt 0 ] && [ ${#main[@]} -gt 0 ] && [ ${#heap[@]} -gt 0 ] || die "$list is empty or incomplete."

# What the release build does not have: the sanitizers' options, and the fuzz targets.
compile "$own_headers" guest/quickjs/tools/sanitizer.c "$cc" "${worker_flags[@]}"
common+=("$object")
for file in fuzz/*.c; do
  if ! $fuzz || [ "$file" != fuzz/replay.c ]; then
    compile "$own_headers" "$file" "$cc" "${worker_flags[@]}"
    targets+=("$object")
  fi
done

if [ -s "$jobs_file" ]; then
  say "compiling $(wc -l <"$jobs_file") files with sanitizers"
  tr '\n' '\0' <"$jobs_file" | xargs -0 -P "$(nproc)" -I{} sh -c '{}'
fi
# Zig's std.crypto, from the release build: it is not C, and the C side passes it only whole blocks, keys of 32 bytes
# and slices whose length it has checked.
libraries=(.build/generated/libfnprimitives.a .build/generated/libfnsha256.a)

# link NAME SANITIZERS OBJECT...
link() {
  local name=$1 sanitizers=$2
  shift 2
  "$cxx" "-fsanitize=$sanitizers" "${common[@]}" "$@" "${libraries[@]}" -o "$out/$name.$$" -lpthread -ldl -lm
  mv "$out/$name.$$" "$out/$name"
}

# Where the worker would end, a target continues with the next input (fuzz/breach.c).
wrapped=(-Wl,--wrap=fn_worker_breach -Wl,--wrap=fn_worker_exit)
if $fuzz; then
  link fuzz fuzzer,address,undefined "${heap[@]}" "${targets[@]}" "${wrapped[@]}"
else
  link quickjs-worker address,undefined "${heap[@]}" "${main[@]}"
  link quickjs-worker-gc address,undefined "${forced[@]}" "${main[@]}"
  link fuzz-replay address,undefined "${heap[@]}" "${targets[@]}" "${wrapped[@]}"
fi
# Remove objects of earlier contents.
find "$out/objects" -name '*.o' -mtime +7 -delete
