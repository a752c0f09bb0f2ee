#!/bin/sh
# A machine for systemd that shares this one's kernel and /usr, and nothing else: processes, mounts, network and
# cgroups are its own. Arguments: a folder, which is /run/machine in there, with the units in it; the executable.
set -eu
folder=$1 executable=$2 part=${3:-outside}

# Below a cgroup that only this machine is in; it goes with it.
outside() {
  mkdir -p "$folder/cgroup"
  mount -t cgroup2 cgroup2 "$folder/cgroup"
  group=$folder/cgroup/functions-unit-$$
  mkdir "$group"
  status=0
  # shellcheck disable=SC2016
  sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$group" \
    unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup "$0" "$folder" "$executable" inside || status=$?
  find "$group" -depth -type d -exec rmdir {} +
  exit $status
}

inside() {
  mount -t proc proc /proc
  umount --recursive --lazy /sys/fs/cgroup || true
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/machine /run/executable
  mount --bind "$folder" /run/machine
  mount --bind "$(dirname "$executable")" /run/executable
  for path in /etc /home /opt /tmp /var; do
    mount -t tmpfs -o mode=755 tmpfs "$path"
  done
  mkdir -p /opt/functions /var/lib /var/tmp
  cp "/run/executable/$(basename "$executable")" /opt/functions/functions
  umount /run/executable
  exec env -i container=functions-test PATH="$PATH" SYSTEMD_UNIT_PATH=/run/machine/units "$SYSTEMD" --system \
    --unit=functions.service --log-target=console --show-status=no
}

"$part"
