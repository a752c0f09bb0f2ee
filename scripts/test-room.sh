#!/usr/bin/env bash
# Builds the changed parts and runs the tests of one room, a folder of the code:
#
#     scripts/test-room.sh src/pool
#     cd guest/quickjs/web/url && ../../../../scripts/test-room.sh
#
# scripts/test-rooms.txt lists the tests of each room. A folder without a row belongs to the room that contains it.
set -euo pipefail
wanted=$(realpath -- "${1:-.}")
. "$(dirname "$0")/lib.sh"

case "$wanted" in
  "$root"/*) room=${wanted#"$root"/} ;;
  *) die "$wanted is not a folder of the project. Name a room, such as src/pool, or run this in its folder." ;;
esac
[ -d "$room" ] || die "$room is not a folder. Name a room, such as src/pool."

# The tests of the nearest room. A folder of tests is its own room.
tests=()
until [ "$room" = . ]; do
  case "$room" in
    tests/*) tests=(.) ;;
    *) read -ra tests < <(awk -v room="$room" '$1 == room { $1 = ""; print }' scripts/test-rooms.txt) || true ;;
  esac
  [ ${#tests[@]} -eq 0 ] || break
  room=$(dirname "$room")
done
[ ${#tests[@]} -gt 0 ] || die "scripts/test-rooms.txt has no row for ${wanted#"$root"/}. Add one."

paths=()
for test in "${tests[@]}"; do
  if [ "$test" = . ]; then
    paths+=("./$room/")
  else
    paths+=("./$test")
  fi
done
case "${paths[*]}" in
  *tests/hostile*) scripts/build.sh --attackers ;;
  *) scripts/build.sh ;;
esac
exec "$(find_bun)" test --timeout 60000 "${paths[@]}"
