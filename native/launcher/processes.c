/* How many processes and threads the program may have. The kernel counts them by user, and all
 * tenants' are of one user: only in a user namespace of its own is a program's count its own. */
#include <sched.h>
#include "launcher/launcher.h"

int fn_processes_limit(fn_launch *launch) {
    const fn_optional *most = &launch->options.processes;
    if (!most->set) {
        return 0;
    }
    /* Nothing is mapped into it: to the files it stays the user that it is. */
    if (unshare(CLONE_NEWUSER) != 0) {
        return 0; /* not to be had here: --nproc, or the program's own limit, counts all tenants' */
    }
    int result = fn_rlimit_lower(RLIMIT_NPROC, most->value);
    /* Who makes a namespace has all capabilities in it. */
    return result != 0 ? result : fn_capabilities_clear();
}
