/* How many processes and threads the program may have. The kernel counts them by user, and all
 * tenants' are of one user: only in a user namespace of its own is a program's count its own. */
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include "launcher.h"

int fn_processes_limit(fn_launch *launch) {
    const fn_optional *most = &launch->options.processes;
    if (!most->set) {
        return 0;
    }
    /* Nothing is mapped into it: to the files it stays the user that it is. */
    if (unshare(CLONE_NEWUSER) != 0) {
        return 0; /* not to be had here: --nproc, or the program's own limit, counts all tenants' */
    }
    struct rlimit limit = {.rlim_cur = most->value, .rlim_max = most->value};
    if (setrlimit(RLIMIT_NPROC, &limit) != 0) {
        return -errno;
    }
    return fn_capabilities_clear(); /* who makes a namespace has all of them in it */
}
