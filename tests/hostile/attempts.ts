/** Attempts of one system call each, and their outcome under each filter. */
const x64 = process.arch === 'x64'

/** What no filter allows: the caller is killed. Wider filters refuse some of it instead. */
export const CALLS = [
  ...['fork', 'clone-user-namespace', 'clone-all-namespaces', 'clone3', 'execve', 'execveat'],
  ...['unshare-user', 'unshare-network', 'setns', 'mount', 'remount-root', 'umount', 'open_tree'],
  ...['move_mount', 'fsopen', 'mount_setattr', 'pivot_root', 'chroot', 'setuid', 'setresuid'],
  ...['setgroups', 'capset', 'new-privs', 'new-filter', 'raise-as', 'raise-nofile', 'raise-core'],
  ...['realtime', 'priority', 'ptrace-parent', 'ptrace-me', 'process_vm_readv', 'kcmp'],
  ...['process_vm_writev', 'pidfd_getfd', 'kill-all', 'kill-init', 'tkill-init', 'tgkill-init'],
  ...['process_madvise', 'mmap-exec', 'mprotect-exec', 'pkey_mprotect', 'personality'],
  ...['memfd_create', 'io_uring_enter', 'io_uring_register', 'bpf', 'perf_event_open'],
  ...['userfaultfd', 'keyctl', 'add_key', 'request_key', 'init_module', 'finit_module'],
  ...['kexec_load', 'reboot', 'swapon', 'acct', 'quotactl', 'syslog', 'settimeofday'],
  ...['clock_settime', 'sethostname', 'open_by_handle_at', 'name_to_handle_at'],
  ...['fanotify_init', 'shmget', 'msgget', 'semget', 'mq_open', 'mlockall', 'vsock'],
  ...['packet-socket', 'raw-socket', 'alg-socket', 'bluetooth-socket', 'no-such-call'],
  ...['negative-call', ...(x64 ? ['x32-write', 'x32-execve', 'iopl', 'ioperm', 'modify_ldt'] : [])],
]

/** What is killed, and what is refused, under a wide filter. */
export const LETHAL = [
  ...['unshare-user', 'setns', 'mount', 'umount', 'open_tree', 'move_mount', 'fsopen', 'chroot'],
  ...['mount_setattr', 'pivot_root', 'ptrace-parent', 'ptrace-me', 'process_vm_writev', 'kcmp'],
  ...['pidfd_getfd', 'bpf', 'perf_event_open', 'userfaultfd', 'keyctl', 'add_key', 'request_key'],
  ...['init_module', 'finit_module', 'kexec_load', 'reboot', 'swapon', 'acct', 'syslog'],
  ...['settimeofday', 'clock_settime', 'sethostname', 'open_by_handle_at', 'name_to_handle_at'],
  ...(x64 ? ['x32-write', 'x32-execve', 'iopl', 'ioperm', 'modify_ldt'] : []),
]
export const REFUSED: [string, RegExp][] = [
  ['clone3', /^refused ENOSYS$/],
  ['clone-user-namespace', /^refused (ENOSYS|EPERM)$/],
  ['io_uring_setup', /^refused ENOSYS$/],
  ['io_uring_enter', /^refused ENOSYS$/],
  ['process_vm_readv', /^refused ENOSYS$/],
  ['new-filter', /^refused ENOSYS$/],
  ['new-privs', /^refused EINVAL$/],
  ['setuid', /^refused (EPERM|EINVAL)$/],
  ['setresuid', /^refused (EPERM|EINVAL)$/],
  ['setgroups', /^refused EPERM$/],
  ['capset', /^refused EPERM$/],
  ['raise-core', /^refused EPERM$/],
  ['realtime', /^refused EINVAL$/],
  ['priority', /^refused EACCES$/],
  ['shmget', /^refused ENOSYS$/],
  ['msgget', /^refused ENOSYS$/],
  ['semget', /^refused ENOSYS$/],
  ['mq_open', /^refused ENOSYS$/],
  ['fanotify_init', /^refused ENOSYS$/],
  ['personality', /^refused ENOSYS$/],
  ['vsock', /^refused EAFNOSUPPORT$/],
  ['packet-socket', /^refused EAFNOSUPPORT$/],
  ['alg-socket', /^refused EAFNOSUPPORT$/],
  ['raw-socket', /^refused EPERM$/],
  ['no-such-call', /^refused ENOSYS$/],
]

/** What a wide filter allows: a JIT makes code from data, and so does the loader of a program. */
export const ALLOWED: [string, RegExp][] = [
  ['mmap-exec', /^done \d+$/],
  ['mprotect-exec', /^done 0$/],
]
