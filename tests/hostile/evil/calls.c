/* Attempts of one system call each. Their arguments do no harm if the call is allowed. */
#include "evil.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define TEXT(text) ((uintptr_t)(text))
#define EXECUTABLE (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static char room[4096] __attribute__((aligned(4096)));
static struct rlimit raised = {RLIM_INFINITY, RLIM_INFINITY};
static const uint32_t capability_header[2] = {0x20080522, 0};
static const uint32_t all_capabilities[6] = {~0u, ~0u, 0, ~0u, ~0u, 0};
static char *const no_arguments[] = {"sh", NULL};

const evil_call evil_calls[] = {
    /* Programs, processes, threads. */
    {"fork", SYS_clone, {SIGCHLD}},
    {"clone-thread", SYS_clone, {CLONE_VM | CLONE_SIGHAND, 0}},
    {"clone-user-namespace", SYS_clone, {SIGCHLD | CLONE_NEWUSER}},
    {"clone-all-namespaces", SYS_clone, {SIGCHLD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET}},
    {"clone3", SYS_clone3, {TEXT(room), 64}},
    {"execve", SYS_execve, {TEXT("/bin/sh"), TEXT(no_arguments)}},
    {"execveat", SYS_execveat, {CHANNEL, TEXT(""), TEXT(no_arguments), 0, 0x1000}},
    /* Namespaces, mounts, roots. */
    {"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
    {"unshare-network", SYS_unshare, {CLONE_NEWNET}},
    {"setns", SYS_setns, {0, 0}},
    {"mount", SYS_mount, {TEXT("none"), TEXT("/"), TEXT("tmpfs"), 0, 0}},
    {"remount-root", SYS_mount, {0, TEXT("/"), 0, 0x1020, 0}},
    {"umount", SYS_umount2, {TEXT("/"), 2}},
    {"open_tree", SYS_open_tree, {AT_FDCWD, TEXT("/"), 1}},
    {"move_mount", SYS_move_mount, {0, TEXT(""), AT_FDCWD, TEXT("/"), 4}},
    {"fsopen", SYS_fsopen, {TEXT("tmpfs"), 0}},
    {"mount_setattr", SYS_mount_setattr, {AT_FDCWD, TEXT("/"), 0, TEXT(room), 32}},
    {"pivot_root", SYS_pivot_root, {TEXT("."), TEXT(".")}},
    {"chroot", SYS_chroot, {TEXT("/")}},
    /* Identity and rights. */
    {"setuid", SYS_setuid, {0}},
    {"setresuid", SYS_setresuid, {0, 0, 0}},
    {"setgroups", SYS_setgroups, {0, 0}},
    {"capset", SYS_capset, {TEXT(capability_header), TEXT(all_capabilities)}},
    {"new-privs", SYS_prctl, {PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0}},
    {"new-filter", SYS_seccomp, {SECCOMP_SET_MODE_STRICT, 0, 0}},
    {"raise-as", SYS_prlimit64, {0, RLIMIT_AS, TEXT(&raised), 0}},
    {"raise-nofile", SYS_prlimit64, {0, RLIMIT_NOFILE, TEXT(&raised), 0}},
    {"raise-core", SYS_prlimit64, {0, RLIMIT_CORE, TEXT(&raised), 0}},
    {"realtime", SYS_sched_setscheduler, {0, SCHED_FIFO, TEXT(room)}},
    {"priority", SYS_setpriority, {PRIO_PROCESS, 0, (uintptr_t)-20}},
    /* Memory, signals and descriptors of other processes. */
    {"ptrace-parent", SYS_ptrace, {0x4206, 1, 0, 0}},
    {"ptrace-me", SYS_ptrace, {0, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1, TEXT(room), 1, TEXT(room), 1, 0}},
    {"process_vm_writev", SYS_process_vm_writev, {1, TEXT(room), 1, TEXT(room), 1, 0}},
    {"pidfd_getfd", SYS_pidfd_getfd, {0, 0, 0}},
    {"kcmp", SYS_kcmp, {1, 1, 0, 0, 0}},
    {"kill-all", SYS_kill, {(uintptr_t)-1, 0}},
    {"kill-init", SYS_kill, {1, SIGKILL}},
    {"tkill-init", SYS_tkill, {1, SIGKILL}},
    {"tgkill-init", SYS_tgkill, {1, 1, SIGKILL}},
    {"process_madvise", SYS_process_madvise, {0, 0, 0, 0, 0}},
    /* Executable memory from data. */
    {"mmap-exec", SYS_mmap, {0, 4096, EXECUTABLE, ANONYMOUS, (uintptr_t)-1, 0}},
    {"mprotect-exec", SYS_mprotect, {TEXT(room), 4096, EXECUTABLE}},
    {"pkey_mprotect", SYS_pkey_mprotect, {TEXT(room), 4096, EXECUTABLE, (uintptr_t)-1}},
    {"personality", SYS_personality, {0x0400000}},
    {"memfd_create", SYS_memfd_create, {TEXT("code"), 0}},
    /* The kernel's largest attack surfaces. */
    {"io_uring_setup", SYS_io_uring_setup, {8, TEXT(room)}},
    {"io_uring_enter", SYS_io_uring_enter, {0, 1, 0, 0, 0, 0}},
    {"io_uring_register", SYS_io_uring_register, {0, 0, 0, 0}},
    {"bpf", SYS_bpf, {0, TEXT(room), 64}},
    {"perf_event_open", SYS_perf_event_open, {TEXT(room), 0, (uintptr_t)-1, (uintptr_t)-1, 0}},
    {"userfaultfd", SYS_userfaultfd, {0}},
    {"keyctl", SYS_keyctl, {0, (uintptr_t)-3, 1}},
    {"add_key", SYS_add_key, {TEXT("user"), TEXT("k"), TEXT("v"), 1, (uintptr_t)-2}},
    {"request_key", SYS_request_key, {TEXT("user"), TEXT("k"), 0, (uintptr_t)-2}},
    {"init_module", SYS_init_module, {TEXT(room), 0, TEXT("")}},
    {"finit_module", SYS_finit_module, {0, TEXT(""), 0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
    {"reboot", SYS_reboot, {0, 0, 0, 0}},
    {"swapon", SYS_swapon, {TEXT("/none"), 0}},
    {"acct", SYS_acct, {TEXT("/none")}},
    {"quotactl", SYS_quotactl, {0, 0, 0, 0}},
    {"syslog", SYS_syslog, {10, 0, 0}},
    {"settimeofday", SYS_settimeofday, {TEXT(room), 0}},
    {"clock_settime", SYS_clock_settime, {0, TEXT(room)}},
    {"sethostname", SYS_sethostname, {TEXT("evil"), 4}},
    {"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, TEXT(room), 0}},
    {"name_to_handle_at", SYS_name_to_handle_at, {AT_FDCWD, TEXT("/"), TEXT(room), TEXT(room), 0}},
    {"fanotify_init", SYS_fanotify_init, {0, 0}},
    /* Objects that could be shared with other tenants. */
    {"shmget", SYS_shmget, {1234, 4096, 01666}},
    {"msgget", SYS_msgget, {1234, 01666}},
    {"semget", SYS_semget, {1234, 1, 01666}},
    {"mq_open", SYS_mq_open, {TEXT("evil"), O_CREAT | O_RDWR, 0666, 0}},
    {"mlockall", SYS_mlockall, {3}},
    {"vsock", SYS_socket, {40, SOCK_STREAM, 0}},
    {"packet-socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"raw-socket", SYS_socket, {AF_INET, SOCK_RAW, 1}},
    {"alg-socket", SYS_socket, {38, SOCK_SEQPACKET, 0}},
    {"bluetooth-socket", SYS_socket, {31, SOCK_RAW, 1}},
    /* Numbers that are in no table. */
    {"no-such-call", 1000, {0}},
    {"negative-call", -1, {0}},
#ifdef __x86_64__
    {"x32-write", SYS_write | 0x40000000, {CHANNEL, TEXT(room), 1}},
    {"x32-execve", 520 | 0x40000000, {TEXT("/bin/sh"), TEXT(no_arguments)}},
    {"iopl", SYS_iopl, {3}},
    {"ioperm", SYS_ioperm, {0x80, 1, 1}},
    {"modify_ldt", SYS_modify_ldt, {0, TEXT(room), 16}},
#endif
};

const size_t evil_call_count = sizeof(evil_calls) / sizeof(evil_calls[0]);
