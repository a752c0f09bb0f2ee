/* functions-launcher: starts one process of a tenant with limits, and ends when it ends. The parent
 * stays as the supervisor; the child drops its privileges and executes the program. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* Has the kernel kill this process when its parent dies. The parent may have died before the call:
 * then its end of the channel is closed. (The parent's pid does not show it: in a container it may
 * be 1 from the start.) */
static int die_with_parent(void) {
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return -errno;
    }
    struct pollfd channel = {.fd = FN_CHANNEL_FD};
    if (poll(&channel, 1, 0) < 0) {
        return -errno;
    }
    bool gone = (channel.revents & (POLLHUP | POLLNVAL)) != 0;
    return gone || getppid() != parent ? -ESRCH : 0;
}

/* The program starts with default signal handlers, whatever the host ignores or blocks. */
static int reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, &standard, NULL) != 0 && errno != EINVAL) {
            return -errno;
        }
    }
    /* The supervisor keeps all signals blocked and waits for the two that it handles. The child
     * unblocks them before exec. */
    sigset_t all;
    sigfillset(&all);
    return sigprocmask(SIG_SETMASK, &all, NULL) == 0 ? 0 : -errno;
}

static int open_program(const char *path) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return -errno;
    }
    return S_ISREG(info.st_mode) ? fn_descriptor_reserve(fd) : -EACCES;
}

static void check(const char *what, int result) {
    if (result < 0) {
        fn_report_failed(what, -result);
    }
}

int main(int argc, char **argv) {
    static fn_launch launch;
    check("descriptors", fn_descriptors_clean());
    const char *why = NULL;
    if (!fn_options_read(&launch.options, argc, argv, &why)) {
        fn_report_failed(why, EINVAL);
    }
    launch.own_uid = getuid();
    launch.own_gid = getgid();
    if (launch.own_uid == 0 && !launch.options.uid.set) {
        fn_report_failed("the launcher runs as root, so --uid and --gid are required", EPERM);
    }
    check("signals", reset_signals());
    check("parent", die_with_parent());
    launch.program_fd = open_program(launch.options.argv[0]);
    check("program", launch.program_fd);
    fn_supervise(&launch);
}
