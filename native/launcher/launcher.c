/* functions-launcher: starts one process of a tenant's behind limits, and ends with it.
 * Its outer half stays as supervisor; its inner half drops what it can and becomes the program. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* From here on the kernel kills us with our parent. It may have died before that took hold: then
 * its end of the channel is closed. (Its pid would not tell: in a container it may be 1 all along.)
 */
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

/* What the host ignores or blocks is its own matter: the program starts with the defaults. */
static int reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, &standard, NULL) != 0 && errno != EINVAL) {
            return -errno;
        }
    }
    /* Blocked in the supervisor for good, which waits for the two that it heeds; the inner half
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
        fn_report_failed("root has to give --uid and --gid", EPERM);
    }
    check("signals", reset_signals());
    check("parent", die_with_parent());
    launch.program_fd = open_program(launch.options.argv[0]);
    check("program", launch.program_fd);
    fn_supervise(&launch);
}
