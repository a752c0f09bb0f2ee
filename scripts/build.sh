#!/usr/bin/env bash
# Installs what is pinned, builds the worker and the launcher, and ends with ./functions, which carries both.
# What has not changed is not done again, and needs no network. Steps that do not need each other run at the same time;
# each step that had work to do reports its seconds. --attackers builds the programs of the attack tests too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

case "$*" in
  '') attackers=false ;;
  --attackers) attackers=true ;;
  *)
    say 'usage: build.sh [--attackers]'
    exit 2
    ;;
esac

# start NAME FUNCTION: runs a step in the background, for `finish` to wait for.
declare -A running=()
start() {
  # A process group of its own, so that it can be stopped together with the programs that it runs.
  set -m
  "$2" </dev/null &
  running[$1]=$!
  set +m
}

# finish NAME...: waits for steps; the first that fails ends the build. That step has said why.
finish() {
  local name
  for name in "$@"; do
    wait "${running[$name]}" || die "The build stopped: the step '$name' failed."
    unset "running[$name]"
  done
}

# A background job of a script ignores Ctrl-C, so the steps that still run are stopped here.
stop_running() {
  local pid
  for pid in "${running[@]}"; do
    kill -- "-$pid" 2>/dev/null || true
  done
}

# done_in START NAME: reports a step that began when $SECONDS was START.
done_in() {
  say "build: $2: $((SECONDS - $1)) s"
}

install_packages() {
  local want
  want=$(content_hash package-lock.json)
  if stamp_is packages "$want" && [ -d node_modules ]; then
    return
  fi
  local begin=$SECONDS
  say 'build: installing the npm packages'
  # The user's own npm settings may leave out parts (production, no optional ones): all are needed here.
  npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund >&2 ||
    die 'npm could not install what package-lock.json pins.'
  # Bun's package relies on an install script; without it the name `bun` must be pointed at the binary.
  ln -sfn "$(realpath --relative-to=node_modules/.bin "$(find_bun)")" node_modules/.bin/bun
  stamp_set packages "$want"
  done_in "$begin" 'npm packages'
}

# It reports on what it fetches itself, and is quick when there is nothing to fetch.
fetch_sources() {
  local begin=$SECONDS
  scripts/fetch-sources.py
  [ "$SECONDS" -eq "$begin" ] || done_in "$begin" 'C and C++ sources'
}

# Built-in JS that imports npm packages is bundled into one file each; build.zig compiles that to bytecode.
bundle_web_js() {
  local want
  want=$(content_hash package-lock.json scripts/streams-ponyfill.ts \
    scripts/line-breaks.ts scripts/apply-patches.py guest/quickjs/patches/web-streams-polyfill)
  if stamp_is web-js "$want" && [ -d .build/web-js/streams ]; then
    return
  fi
  rm -rf .build/web-js.new
  mkdir -p .build/web-js.new/streams
  "$bun" scripts/streams-ponyfill.ts .build/web-js.new/streams/streams-ponyfill.js >&2 ||
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
  want=$(content_hash guest/node scripts/bundle-node-modules.ts package-lock.json \
    scripts/apply-patches.py guest/quickjs/patches/jspm-core)
  if stamp_is node-modules "$want" && [ -f .build/node-modules.pack ]; then
    return
  fi
  local begin=$SECONDS
  rm -rf .build/node-modules
  "$bun" scripts/bundle-node-modules.ts >&2 || die 'bun could not bundle the modules of Node.'
  stamp_set node-modules "$want"
  done_in "$begin" "Node's modules"
}

# The declarations that `functions types` writes, out of TypeScript's own libraries.
make_worker_types() {
  local want
  want=$(content_hash scripts/worker-types.ts src/types package-lock.json)
  if stamp_is worker-types "$want" && [ -f .build/worker-types.pack ]; then
    return
  fi
  local begin=$SECONDS
  "$bun" scripts/worker-types.ts >&2 || die 'bun could not make the types of a worker.'
  stamp_set worker-types "$want"
  done_in "$begin" 'types of a worker'
}

build_native() {
  local begin=$SECONDS
  run_zig build --release=fast --prefix .build >&2 || die 'zig could not build the worker and the launcher.'
  done_in "$begin" 'worker and launcher'
}

compile_functions() {
  local want
  want=$(find src guest/bun -name '*.test.ts' -prune -o -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum THIRD_PARTY_NOTICES.md third-party/libraries.json package.json package-lock.json tsconfig.json scripts/build.sh .build/bin/* .build/*.pack | sha256sum)
  if stamp_is functions "$want" && [ -x functions ]; then
    return
  fi
  local begin=$SECONDS
  # Identifiers keep their names: stack traces in the log are read by people. A tenant's folder, where the command
  # may run, must not lend its .env or bunfig.toml to our process.
  "$bun" build --compile --bytecode --format=esm --minify-syntax --minify-whitespace --sourcemap=linked \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig src/main.ts --outfile .build/functions.new >&2 ||
    die 'bun could not compile ./functions.'
  mv -f .build/functions.new functions
  stamp_set functions "$want"
  done_in "$begin" './functions'
}

# What is bundled for ./functions only; zig does not need it.
bundle_for_functions() {
  bundle_node_modules
  make_worker_types
}

check_machine
mkdir -p .build
exec 9>.build/lock
flock 9
trap stop_running EXIT
# zig and bun themselves are npm packages, so compiling begins when npm is done; pip needs less time than npm.
start packages install_packages
start sources fetch_sources
finish packages sources
bun=$(find_bun)
bundle_web_js
make_encoding_tables
start native build_native
start bundles bundle_for_functions
finish bundles native
compile_functions
if $attackers; then
  build_attackers >&2 || die 'zig could not build the programs of the attack tests.'
fi
