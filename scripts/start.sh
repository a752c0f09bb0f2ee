#!/usr/bin/env bash
# Installs, builds, deploys examples/hello-world.ts and serves on 127.0.0.1:8080. Passes its flags to `functions serve`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scripts/build.sh
export FUNCTIONS_DATA_DIR=${FUNCTIONS_DATA_DIR:-$root/data}
# If the function exists, its deployed version is kept.
if ! ./functions show hello-world >/dev/null 2>&1; then
  ./functions deploy hello-world examples/hello-world.ts >&2
fi
exec ./functions serve "$@"
