#!/usr/bin/env bash
# Builds .build/asan/quickjs-worker: the worker with AddressSanitizer and UBSan, by the system's compiler and C library.
# It leaves out the layers that a sanitized program cannot live under (FN_SANITIZE); no release build can be made so.
# Beside it, .build/asan/fuzz-replay, which runs inputs of fuzz/. With --fuzz it builds .build/fuzz/fuzz instead,
# the same targets with libFuzzer, which needs clang. .build/asan/quickjs-worker-gc collects garbage with every object
# that a tenant makes: what nobody holds is gone at once.
# scripts/build.sh has run before. Objects are kept by content, so an unchanged file is not compiled again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

out=.build/asan fuzz=false
if [ "${1:-}" = --fuzz ]; then
  out=.build/fuzz fuzz=true
fi
sources=.build/sources
zlib=node_modules/@scriptc/runtime/vendor/zlib
mbedtls=node_modules/@scriptc/runtime/vendor/mbedtls
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
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
base=(-O1 -g -fno-omit-frame-pointer -fsanitize=address -D_GNU_SOURCE)
if $fuzz; then
  base+=(-fsanitize=fuzzer-no-link)
fi
mbedtls_config=('-DMBEDTLS_CONFIG_FILE="web/crypto/crypto_config.h"')
# What UBSan says about sources of others is not ours to mend.
theirs=("${base[@]}" -w -fno-strict-aliasing)
ours=("${base[@]}" -fsanitize=undefined -fno-sanitize-recover=undefined -Wall -Wextra -Wno-missing-field-initializers -Werror
  -fno-strict-aliasing -DFN_SANITIZE "-DFN_VERSION=\"$version\""
  -isystem "$sources/quickjs" -isystem "$sources/libuv/include" -isystem "$sources/ada" -isystem "$sources/yyjson" -isystem "$zlib"
  -isystem $mbedtls/include -isystem $mbedtls/library "${mbedtls_config[@]}"
  -Iguest/quickjs -Inative)

mkdir -p "$out/objects"
jobs_file=$(mktemp)
trap 'rm -f "$jobs_file"' EXIT
objects=()

# add HEADERS_HASH SOURCE COMPILER FLAG...: plans an object, unless there is one of exactly this input.
add() {
  local headers=$1 source=$2 key object
  shift 2
  key=$( (printf '%s\n' "$headers" "$source" "$compilers" "$@" && cat "$source") | sha256sum | cut -c1-40)
  object=$out/objects/$key.o
  objects+=("$object")
  if [ ! -f "$object" ]; then
    # One job a line for xargs: compile to a name of its own, then rename.
    printf '%q ' "$@" -c "$source" -o "$object.$$" >>"$jobs_file"
    printf '&& mv %q %q\n' "$object.$$" "$object" >>"$jobs_file"
  fi
}

compilers=$("$cc" --version | head -n 1; "$cxx" --version | head -n 1)
headers=$(content_hash $sources/quickjs $sources/ada $sources/yyjson $sources/libuv/include $sources/libuv/src $zlib)
headers+=$(content_hash guest/quickjs/web/crypto/crypto_config.h $mbedtls)
for file in quickjs libregexp libunicode dtoa; do
  add "$headers" "$sources/quickjs/$file.c" "$cc" "${theirs[@]}" -std=c11 -funsigned-char
done
# The list is build.zig's, which has it once for both.
for file in $(sed -n '/^const libuv_files/,/^};/s/.*/&/p' build.zig | grep -o 'src/[a-z/-]*\.c'); do
  add "$headers" "$sources/libuv/$file" "$cc" "${theirs[@]}" -std=gnu11 -I$sources/libuv/include -I$sources/libuv/src
done
for file in $(sed -n '/^const mbedtls_files/,/^};/p' guest/quickjs/web/crypto/libraries.zig | grep -o 'library/[a-z0-9_]*\.c'); do
  add "$headers" "$mbedtls/$file" "$cc" "${theirs[@]}" -std=c11 "${mbedtls_config[@]}" \
    -Iguest/quickjs -I$mbedtls/include -I$mbedtls/library
done
# At -O1 gcc cannot inline what ada says must be.
add "$headers" "$sources/ada/ada.cpp" "$cxx" "${theirs[@]}" -O2 -std=c++20 -fno-exceptions
add "$headers" "$sources/yyjson/yyjson.c" "$cc" "${theirs[@]}" -std=c11
for file in $(sed -n '/^const zlib_files/,/^};/p' build.zig | grep -o '[a-z0-9]*\.c'); do
  add "$headers" "$zlib/$file" "$cc" "${theirs[@]}" -std=c11
done
our_headers=$headers$(find guest/quickjs native fuzz -name "*.h" -print0 | sort -z | xargs -0 cat | sha256sum)
for file in $(find guest/quickjs native/lockdown -name "*.c" ! -name bytecode.c | sort) .build/generated/*.c; do
  if [ "$file" != guest/quickjs/zygote/main.c ] && [ "$file" != guest/quickjs/core/heap.c ]; then
    add "$our_headers" "$file" "$cc" "${ours[@]}" -std=c11
  fi
done
# What ada's headers bring in is compiled here too, and its objects have no tables that say what they are.
for file in guest/quickjs/web/url/*.cpp; do
  add "$our_headers" "$file" "$cxx" "${ours[@]}" -fno-sanitize=vptr -std=c++20 -fno-exceptions
done

# What is linked: with the worker's main, or with that of the fuzz targets.
common=("${objects[@]}")
objects=()
add "$our_headers" guest/quickjs/zygote/main.c "$cc" "${ours[@]}" -std=c11
main=("${objects[@]}")
objects=()
add "$our_headers" guest/quickjs/core/heap.c "$cc" "${ours[@]}" -std=c11
heap=("${objects[@]}")
objects=()
add "$our_headers" guest/quickjs/core/heap.c "$cc" "${ours[@]}" -std=c11 -DFN_FORCE_GC
forced=("${objects[@]}")
objects=()
# Some of them have files of the worker in them.
fuzz_headers=$our_headers$(cat fuzz/fuzz.h guest/quickjs/zygote/{worker_main,zygote}.c | sha256sum)
for file in fuzz/*.c; do
  if ! $fuzz || [ "$file" != fuzz/replay.c ]; then
    add "$fuzz_headers" "$file" "$cc" "${ours[@]}" -std=c11
  fi
done
targets=("${objects[@]}")

if [ -s "$jobs_file" ]; then
  say "compiling $(wc -l <"$jobs_file") files with sanitizers"
  tr '\n' '\0' <"$jobs_file" | xargs -0 -P "$(nproc)" -I{} sh -c '{}'
fi
# Zig's std.crypto as the release build has it, which scripts/build.sh left there: its code is not C, and it gets
# nothing but whole blocks, keys of 32 bytes and slices whose length the C side has checked.
libraries=(.build/generated/libfnprimitives.a .build/generated/libfnsha256.a)

# link NAME SANITIZERS OBJECT...
link() {
  local name=$1 sanitizers=$2
  shift 2
  "$cxx" "-fsanitize=$sanitizers" "${common[@]}" "$@" "${libraries[@]}" -o "$out/$name.$$" -lpthread -ldl -lm
  mv "$out/$name.$$" "$out/$name"
}

# Where the worker would end, a target goes on (fuzz/breach.c).
go_on=(-Wl,--wrap=fn_worker_breach -Wl,--wrap=fn_worker_exit)
if $fuzz; then
  link fuzz fuzzer,address,undefined "${heap[@]}" "${targets[@]}" "${go_on[@]}"
else
  link quickjs-worker address,undefined "${heap[@]}" "${main[@]}"
  link quickjs-worker-gc address,undefined "${forced[@]}" "${main[@]}"
  link fuzz-replay address,undefined "${heap[@]}" "${targets[@]}" "${go_on[@]}"
fi
# Objects of earlier contents would pile up.
find "$out/objects" -name '*.o' -mtime +7 -delete
