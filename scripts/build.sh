#!/usr/bin/env bash
# Installs what is pinned, builds the worker and the launcher, and ends with ./functions, which carries both.
# What has not changed is not done again, and needs no network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

install_packages() {
  local want
  want=$(content_hash package-lock.json)
  if stamp_is packages "$want" && [ -d node_modules ]; then
    return
  fi
  say 'installing the npm packages'
  # The user's own npm settings may leave out parts (production, no optional ones): all are needed here.
  npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund >&2 ||
    die 'npm could not install what package-lock.json pins.'
  # Bun's package relies on an install script; without it the name `bun` must be pointed at the binary.
  ln -sfn "$(realpath --relative-to=node_modules/.bin "$(find_bun)")" node_modules/.bin/bun
  stamp_set packages "$want"
}

# Built-in JS that imports npm packages is bundled into one file each; build.zig compiles that to bytecode.
bundle_web_js() {
  local want
  want=$(content_hash worker-c/web/js/bundle package-lock.json scripts/streams-ponyfill.ts \
    scripts/line-breaks.ts scripts/apply-patches.py guest/quickjs/patches/web-streams-polyfill)
  if stamp_is web-js "$want" && [ -d .build/web-js ]; then
    return
  fi
  rm -rf .build/web-js.new
  mkdir -p .build/web-js.new
  if compgen -G 'worker-c/web/js/bundle/*.js' >/dev/null; then
    "$bun" build worker-c/web/js/bundle/*.js --outdir .build/web-js.new --format=esm --target=browser \
      --external 'fn:*' --external './*' >&2
  fi
  "$bun" scripts/streams-ponyfill.ts .build/web-js.new/streams-ponyfill.js >&2 ||
    die 'a patch of guest/quickjs/patches/web-streams-polyfill does not fit the package.'
  rm -rf .build/web-js
  mv .build/web-js.new .build/web-js
  stamp_set web-js "$want"
}

# The indexes of the Encoding standard, as C.
make_encoding_tables() {
  local want
  want=$(content_hash scripts/encoding-tables.ts package-lock.json)
  if stamp_is encoding-tables "$want" && [ -f .build/generated/encoding_tables.c ]; then
    return
  fi
  mkdir -p .build/generated
  "$bun" scripts/encoding-tables.ts .build/generated/encoding_tables.new >&2 ||
    die 'bun could not make the tables of the Encoding standard.'
  mv -f .build/generated/encoding_tables.new .build/generated/encoding_tables.c
  stamp_set encoding-tables "$want"
}

# Node's modules, as bundles of functions take them in; ./functions carries them.
bundle_node_modules() {
  local want
  want=$(content_hash src/bundles/node scripts/bundle-node-modules.ts package-lock.json \
    scripts/apply-patches.py guest/quickjs/patches/jspm-core)
  if stamp_is node-modules "$want" && [ -f .build/node-modules.pack ]; then
    return
  fi
  rm -rf .build/node-modules
  "$bun" scripts/bundle-node-modules.ts >&2 || die 'bun could not bundle the modules of Node.'
  stamp_set node-modules "$want"
}

# The declarations that `functions types` writes, out of TypeScript's own libraries.
make_worker_types() {
  local want
  want=$(content_hash scripts/worker-types.ts src/types package-lock.json)
  if stamp_is worker-types "$want" && [ -f .build/worker-types.pack ]; then
    return
  fi
  "$bun" scripts/worker-types.ts >&2 || die 'bun could not make the types of a worker.'
  stamp_set worker-types "$want"
}

build_native() {
  run_zig build --release=fast --prefix .build >&2 || die 'zig could not build the worker and the launcher.'
}

compile_functions() {
  local want
  want=$(find src -name '*.test.ts' -prune -o -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum THIRD_PARTY_NOTICES.md third-party/libraries.json package.json package-lock.json tsconfig.json scripts/build.sh .build/bin/* .build/*.pack | sha256sum)
  if stamp_is functions "$want" && [ -x functions ]; then
    return
  fi
  say 'compiling ./functions'
  # Identifiers keep their names: stack traces in the log are read by people. A tenant's folder, where the command
  # may run, must not lend its .env or bunfig.toml to our process.
  "$bun" build --compile --bytecode --format=esm --minify-syntax --minify-whitespace --sourcemap=linked \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig src/main.ts --outfile .build/functions.new >&2 ||
    die 'bun could not compile ./functions.'
  mv -f .build/functions.new functions
  stamp_set functions "$want"
}

check_machine
mkdir -p .build
exec 9>.build/lock
flock 9
install_packages
bun=$(find_bun)
scripts/fetch-sources.py
bundle_web_js
make_encoding_tables
bundle_node_modules
make_worker_types
build_native
compile_functions
