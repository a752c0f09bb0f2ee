#!/usr/bin/env bash
# Installs the pinned packages and sources, builds the worker and the launcher, and compiles ./functions, which
# contains both. A step whose input has not changed is not done again, so an unchanged build needs no network.
# Independent steps run at the same time, and each step that had work to do reports its seconds.
# --attackers also builds the programs of the attack tests.
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

# start NAME FUNCTION: runs a step in the background. `finish NAME` waits for it.
declare -A running=()
start() {
  # The step gets its own process group, so that stop_running also stops the programs that it runs.
  set -m
  "$2" </dev/null &
  running[$1]=$!
  set +m
}

# finish NAME...: waits for steps. The first that fails ends the build; it has printed its own error.
finish() {
  local name
  for name in "$@"; do
    wait "${running[$name]}" || die "The build stopped: the step '$name' failed."
    unset "running[$name]"
  done
}

# Bash starts the background jobs of a script with SIGINT ignored, so Ctrl-C does not stop them.
stop_running() {
  local pid
  for pid in "${running[@]}"; do
    kill -- "-$pid" 2>/dev/null || true
  done
}

# done_in START NAME: reports the time of a step that began when $SECONDS was START.
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
  # The user's npm settings may leave out development or optional packages. The build needs all of them.
  npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund >&2 ||
    die 'npm could not install the packages of package-lock.json. Its own message is above.'
  # Bun's package relies on an install script, which does not run here, to link the name `bun` to the binary.
  ln -sfn "$(realpath --relative-to=node_modules/.bin "$(find_bun)")" node_modules/.bin/bun
  stamp_set packages "$want"
  done_in "$begin" 'npm packages'
}

# The script says what it fetches, and takes no time if there is nothing to fetch.
fetch_sources() {
  local begin=$SECONDS
  scripts/fetch-sources.py
  [ "$SECONDS" -eq "$begin" ] || done_in "$begin" 'C and C++ sources'
}

# Bundles each built-in module that imports npm packages into one file, which build.zig compiles to bytecode.
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
    die 'The streams module could not be made from web-streams-polyfill. The message above names the patch that does not fit.'
  rm -rf .build/web-js
  mv .build/web-js.new .build/web-js
  stamp_set web-js "$want"
}

# Writes the indexes of the Encoding standard as a C file.
make_encoding_tables() {
  local want
  want=$(content_hash scripts/encoding-tables.ts package-lock.json)
  if stamp_is encoding-tables "$want" && [ -f .build/generated/encoding_tables.c ]; then
    return
  fi
  mkdir -p .build/generated
  "$bun" scripts/encoding-tables.ts .build/generated/encoding_tables.new >&2 ||
    die 'scripts/encoding-tables.ts failed. Its own message is above.'
  mv -f .build/generated/encoding_tables.new .build/generated/encoding_tables.c
  stamp_set encoding-tables "$want"
}

# Bundles Node's modules, which ./functions contains and adds to the bundle of a function that imports them.
bundle_node_modules() {
  local want
  want=$(content_hash guest/node scripts/bundle-node-modules.ts package-lock.json \
    scripts/apply-patches.py guest/quickjs/patches/jspm-core)
  if stamp_is node-modules "$want" && [ -f .build/node-modules.pack ]; then
    return
  fi
  local begin=$SECONDS
  rm -rf .build/node-modules
  "$bun" scripts/bundle-node-modules.ts >&2 || die 'scripts/bundle-node-modules.ts failed. Its own message is above.'
  stamp_set node-modules "$want"
  done_in "$begin" "Node's modules"
}

# Makes the declarations that `functions types` writes from TypeScript's own libraries.
make_worker_types() {
  local want
  want=$(content_hash scripts/worker-types.ts src/types package-lock.json)
  if stamp_is worker-types "$want" && [ -f .build/worker-types.pack ]; then
    return
  fi
  local begin=$SECONDS
  "$bun" scripts/worker-types.ts >&2 || die 'scripts/worker-types.ts failed. Its own message is above.'
  stamp_set worker-types "$want"
  done_in "$begin" 'types of a worker'
}

build_native() {
  local begin=$SECONDS
  run_zig build --release=fast --prefix .build >&2 || die 'zig could not build the worker and the launcher. The compiler errors are above.'
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
  # Identifiers are not minified, so that stack traces in the log can be read. The command may run in the folder
  # of a tenant, whose .env and bunfig.toml must not configure it.
  "$bun" build --compile --bytecode --format=esm --minify-syntax --minify-whitespace --sourcemap=linked \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig src/main.ts --outfile .build/functions.new >&2 ||
    die 'bun could not compile ./functions. Its own message is above.'
  mv -f .build/functions.new functions
  stamp_set functions "$want"
  done_in "$begin" './functions'
}

# These bundles are for ./functions only; zig does not need them.
bundle_for_functions() {
  bundle_node_modules
  make_worker_types
}

check_machine
mkdir -p .build
exec 9>.build/lock
flock 9
trap stop_running EXIT
# zig and bun are npm packages, so compiling starts when npm is done. pip needs less time than npm.
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
  build_attackers >&2 || die 'zig could not build the programs of the attack tests. The compiler errors are above.'
fi
