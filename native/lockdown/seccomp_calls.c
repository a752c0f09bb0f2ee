/* The system calls that each kind of worker may make. A call in no table of its kind gets the
 * filter's default action. tests/hostile/system-calls.test.ts repeats the lists, so that a new call
 * cannot be added unnoticed. */
#include <errno.h>
#include <sys/mman.h>
#include "lockdown/calls.h"

/* What a sealed worker needs after its loop is made: the channel, memory and clocks. */
static const fn_call sealed[] = {
    ALLOW(recvfrom),
    ALLOW(sendto),
    ALLOW(epoll_pwait),
    ALLOW(epoll_ctl),
    ALLOW_IF(mmap, 2, PROT_EXEC, 0),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(clock_gettime),
    ALLOW(getrandom),
    ALLOW(ppoll),
#ifdef __NR_poll
    ALLOW(poll),
#endif
    ALLOW(writev), /* messages to standard error */
    ALLOW(rt_sigreturn),
    ALLOW(rt_sigprocmask),
    ALLOW(restart_syscall), /* resumes a wait after the process was stopped */
    ALLOW(exit_group),
    REFUSE(io_uring_setup, ENOSYS), /* libuv falls back to epoll */
};

static const fn_call files[] = {
#ifdef __x86_64__
    ALLOW(open),
    ALLOW(stat),
    ALLOW(lstat),
    ALLOW(access),
    ALLOW(readlink),
    ALLOW(mkdir),
    ALLOW(rmdir),
    ALLOW(unlink),
    ALLOW(rename),
    ALLOW(link),
    ALLOW(symlink),
    ALLOW(chmod),
    ALLOW(chown),
    ALLOW(lchown),
    ALLOW(utime),
    ALLOW(utimes),
    ALLOW(getdents),
    ALLOW(dup2),
    ALLOW(creat),
#endif
    ALLOW(read),
    ALLOW(write),
    ALLOW(readv),
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(preadv),
    ALLOW(pwritev),
    ALLOW(lseek),
    ALLOW(openat),
    ALLOW(close),
    ALLOW(close_range),
    ALLOW(fstat),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(getdents64),
    ALLOW(getcwd),
    ALLOW(chdir),
    ALLOW(fchdir),
    ALLOW(readlinkat),
    ALLOW(mkdirat),
    ALLOW(unlinkat),
    ALLOW(renameat),
    ALLOW(renameat2),
    ALLOW(linkat),
    ALLOW(symlinkat),
    ALLOW(fchmod),
    ALLOW(fchmodat),
    ALLOW(fchown),
    ALLOW(fchownat),
    ALLOW(utimensat),
    ALLOW(truncate),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(sync_file_range),
    ALLOW(copy_file_range),
    ALLOW(sendfile),
    ALLOW(statfs),
    ALLOW(fstatfs),
    ALLOW(dup),
    ALLOW(dup3),
    ALLOW(flock),
    ALLOW(umask),
    ALLOW(fadvise64),
    ALLOW(fgetxattr),
    ALLOW(flistxattr),
    ALLOW(getxattr),
    ALLOW(listxattr),
    ALLOW(lgetxattr),
    ALLOW(llistxattr),
    ALLOW(inotify_init1),
    ALLOW(inotify_add_watch),
    ALLOW(inotify_rm_watch),
    ALLOW(getuid),
    ALLOW(geteuid),
    ALLOW(getgid),
    ALLOW(getegid),
    ALLOW(getpid),
    ALLOW(gettid),
    ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
    ALLOW_IF(fcntl, 1, ANY_BIT, 1), /* F_GETFD to F_SETFL */
    ALLOW_IF(fcntl, 1, ANY_BIT, 2),
    ALLOW_IF(fcntl, 1, ANY_BIT, 3),
    ALLOW_IF(fcntl, 1, ANY_BIT, 4),
    REFUSE(ioctl, ENOTTY), /* no device control, and no clone of a file's blocks */
};

static const fn_calls sealed_calls = TABLE(sealed);
static const fn_calls files_calls = TABLE(files);

#define NOT_THERE (SECCOMP_RET_ERRNO | ENOSYS)

static const fn_filter filters[FN_LOCKDOWN_KINDS] = {
    [FN_LOCKDOWN_SEALED] = {"sealed", {&sealed_calls}, SECCOMP_RET_KILL_PROCESS},
    [FN_LOCKDOWN_FILES] = {"files", {&sealed_calls, &files_calls}, SECCOMP_RET_KILL_PROCESS},
    [FN_LOCKDOWN_PROGRAMS] = {"programs",
                              {&sealed_calls, &fn_calls_general, &fn_calls_processes, &files_calls,
                               &fn_calls_lethal},
                              NOT_THERE},
    [FN_LOCKDOWN_BUN] = {"bun",
                         {&sealed_calls, &fn_calls_general, &files_calls, &fn_calls_lethal},
                         NOT_THERE},
};

const fn_filter *fn_filter_of(fn_lockdown_kind kind) {
    return &filters[kind];
}
