#!/usr/bin/env bash
# Deploys the example, checks that the database and the bundle directory hold it, and prints the next commands.
# A reference guide for operators relies on this command and on DATA_DIR: keep them as they are.
set -euo pipefail
here=$PWD
. "$(dirname "$0")/lib.sh"

data_dir=${DATA_DIR:-$root/data}
case "$data_dir" in
  /*) ;;
  *) data_dir=$here/$data_dir ;;
esac
DATA_DIR=$data_dir scripts/deploy-quickjs-function.sh hello-world "$root/examples/hello-world.ts" v1 strict

# Reads the table if the SQLite client is installed, otherwise the output of `functions list`.
if command -v sqlite3 >/dev/null; then
  row=$(sqlite3 "$data_dir/metadata.db" "SELECT name, runtime, status FROM functions WHERE name = 'hello-world';")
else
  row=$(./functions list --data-dir "$data_dir" | grep '^hello-world ' || true)
fi
case "$row" in
  hello-world*quickjs-ng*deployed*) say 'in the database: yes' ;;
  *) die "The database $data_dir/metadata.db does not list hello-world as deployed on quickjs-ng. Its row is: '$row'." ;;
esac

bundle=$data_dir/bundles/func-hello-world/v1/bundle.js
[ -s "$bundle" ] || die "The bundle $bundle is missing or empty."
say "bundle: $bundle ($(wc -c <"$bundle") bytes)"
cat <<NEXT

Next: serve it, then call it.
  ./functions --data-dir $data_dir
  curl 'http://localhost:8080/functions/hello-world?name=Alice'
NEXT
