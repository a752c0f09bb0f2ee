#!/usr/bin/env bash
# Boots a virtual machine with Debian's cloud kernel and systemd, installs the executable under its unit, and runs
# tests/vm in it: cgroups with controllers, the unit and the restarts need a machine of their own. Needs Debian (apt)
# and root; uses KVM if /dev/kvm opens, else emulation. A run ends after 15 minutes at most.
#
#   scripts/vm-test.sh                          every kernel of KERNELS that apt offers
#   scripts/vm-test.sh linux-image-cloud-amd64  one kernel
#
# Reports, in .build/vm: <kernel>.xml (JUnit), <kernel>.out (output of the tests), <kernel>.log (console).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

KERNELS=(linux-image-cloud-amd64 linux-image-6.12-cloud-amd64)
PACKAGES=systemd-sysv,dbus,udev,kmod,busybox,initramfs-tools,procps
SECONDS_AT_MOST=900
# A kernel under KVM prints its first line within a second.
KVM_SECONDS=10
place=.build/vm

[ "$(uname -m)" = x86_64 ] || die 'scripts/vm-test.sh runs on x86_64 only.'
[ "$(id -u)" = 0 ] || die 'scripts/vm-test.sh must be root: it makes the file system of the virtual machine.'
command -v apt-get >/dev/null || die 'scripts/vm-test.sh needs a Debian machine: kernel and systemd come from its packages.'
[ -x functions ] || die 'Build the executable first: ./scripts/build.sh'
mkdir -p "$place"

for tool in qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs; do
  command -v "${tool%%:*}" >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${tool#*:}" >>"$place/install.log" 2>&1 ||
    die "apt-get cannot install ${tool#*:}: $place/install.log says why. Run apt-get update."
done

release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
sources=/etc/apt/sources.list
[ -s "$sources" ] || sources=/etc/apt/sources.list.d/debian.sources
[ -s "$sources" ] || die "No package sources: neither /etc/apt/sources.list nor $sources has any."

# The version that apt would install; empty if there is none.
candidate() { # PACKAGE
  apt-cache policy "$1" | sed -n 's/^  Candidate: \([^(]*\)$/\1/p'
}

# The root file system of one kernel, made once for each version of the kernel.
make_root() { # KERNEL VERSION
  local image=$place/$1.ext4 folder want
  want="$2 $PACKAGES $(content_hash tests/vm/vm-tests.service)"
  if stamp_is "vm-$1" "$want" && [ -f "$image" ]; then
    return
  fi
  folder=$(mktemp -d "$place/root.XXXXXX")
  say "-- virtual machine: $1 $2"
  mmdebstrap --quiet --variant=apt --include="$PACKAGES,$1" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$release" "$folder/root" "$sources" >"$place/$1.root.log" 2>&1 || {
    tail -n 20 "$place/$1.root.log" >&2
    die "mmdebstrap could not make the file system for $1."
  }
  cp "$folder"/root/boot/vmlinuz-* "$place/$1.vmlinuz"
  cp "$folder"/root/boot/initrd.img-* "$place/$1.initrd"
  install -m 0644 tests/vm/vm-tests.service "$folder/root/etc/systemd/system/"
  ln -s /etc/systemd/system/vm-tests.service "$folder/root/etc/systemd/system/multi-user.target.wants/"
  ln -s /dev/null "$folder/root/etc/systemd/system/serial-getty@ttyS0.service"
  rm -f "$image"
  mke2fs -q -F -t ext4 -d "$folder/root" "$image" 1500M >/dev/null
  rm -rf "$folder"
  stamp_set "vm-$1" "$want"
}

# What is tested: the executable, its unit, and the tests with what they import.
make_project() {
  local folder bun
  bun=$(find_bun)
  folder=$(mktemp -d "$place/project.XXXXXX")
  mkdir -p "$folder/scripts" "$folder/node_modules/@types"
  cp functions scripts/functions.service "$folder/"
  cp "$bun" "$folder/bun"
  cp -r package.json tsconfig.json src tests "$folder/"
  rm -rf "$folder/tests/packages/node_modules"
  cp scripts/functions.service "$folder/scripts/"
  rm -f "$place/project.ext4"
  mke2fs -q -F -t ext4 -d "$folder" "$place/project.ext4" 600M >/dev/null
  rm -rf "$folder"
}

# Starts the virtual machine in the background; $machine is its process.
start() { # KERNEL ACCELERATION...
  local kernel=$1
  shift
  : >"$place/$kernel.log"
  timeout "$SECONDS_AT_MOST" qemu-system-x86_64 "$@" -M q35 -smp 2 -m 2048 -nodefaults -display none -no-reboot \
    -kernel "$place/$kernel.vmlinuz" -initrd "$place/$kernel.initrd" \
    -append 'root=/dev/vda rw console=ttyS0 panic=-1 systemd.show_status=false' \
    -drive "file=$place/$kernel.ext4,format=raw,if=virtio,snapshot=on" \
    -drive "file=$place/project.ext4,format=raw,if=virtio,snapshot=on" \
    -drive "file=$place/swap.img,format=raw,if=virtio" \
    -serial "file:$place/$kernel.log" -serial "file:$place/$kernel.xml" \
    -serial "file:$place/$kernel.out" -nic none \
    </dev/null >"$place/$kernel.qemu" 2>&1 &
  machine=$!
}

# Whether the kernel prints something soon. On some machines /dev/kvm opens, and no kernel runs in it.
speaks() { # KERNEL
  local i
  for ((i = 0; i < KVM_SECONDS * 5; i++)); do
    [ ! -s "$place/$1.log" ] || return 0
    kill -0 "$machine" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

boot() { # KERNEL
  local kernel=$1
  rm -f "$place/$kernel.xml"
  truncate -s 256M "$place/swap.img"
  accelerator=emulated
  if (exec 3<>/dev/kvm) 2>/dev/null; then
    start "$kernel" -accel kvm -cpu host
    if speaks "$kernel"; then
      accelerator=KVM
    else
      kill "$machine" 2>/dev/null || true
      wait "$machine" || true
      say "-- $kernel: /dev/kvm opens, but no kernel starts in it: emulating"
    fi
  fi
  [ "$accelerator" = KVM ] || start "$kernel" -accel tcg,thread=multi -cpu max
  local status=0
  wait "$machine" || status=$?
  [ "$status" -ne 124 ] || die "The virtual machine did not end within $SECONDS_AT_MOST s: $place/$kernel.log"
  [ "$status" -eq 0 ] || die "QEMU ended with status $status: $place/$kernel.qemu"
  rm -f "$place/swap.img"
  python3 scripts/junit_counts.py "$place/$kernel.xml" >"$place/$kernel.counts" || {
    tail -n 40 "$place/$kernel.out" >&2
    die "The virtual machine wrote no report: $place/$kernel.out has the output of the tests, $place/$kernel.log the console."
  }
}

failed=0
make_project
for kernel in "${@:-${KERNELS[@]}}"; do
  version=$(candidate "$kernel")
  if [ -z "$version" ]; then
    echo "$kernel: not offered by apt on this machine"
    continue
  fi
  make_root "$kernel" "$version"
  boot "$kernel"
  read -r passes failures < <(head -n 1 "$place/$kernel.counts")
  echo "$kernel $version, $accelerator: $passes passed, $failures failed"
  tail -n +2 "$place/$kernel.counts"
  [ "$failures" -eq 0 ] && [ "$passes" -gt 0 ] || failed=1
done
exit "$failed"
