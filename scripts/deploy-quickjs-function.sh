#!/usr/bin/env bash
# Deploys a function that runs on quickjs-ng:
#
#     scripts/deploy-quickjs-function.sh <name> <file> [version] [profile]
#
# A reference guide for operators relies on this command, its arguments and DATA_DIR: keep them as they are.
# DATA_DIR is the data directory; the default is data in the project's folder.
set -euo pipefail
here=$PWD
. "$(dirname "$0")/lib.sh"

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
  say 'usage: deploy-quickjs-function.sh <name> <file> [version] [profile]'
  exit 2
fi
flags=(--runtime quickjs-ng --data-dir "${DATA_DIR:-$root/data}")
[ -z "${3:-}" ] || flags+=(--version "$3")
[ -z "${4:-}" ] || flags+=(--profile "$4")
[ -x functions ] || scripts/build.sh
# Relative paths are resolved in the caller's folder.
cd "$here"
exec "$root/functions" deploy "$1" "$2" "${flags[@]}"
