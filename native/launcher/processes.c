/* Limits the program's processes and threads. The kernel counts them per user, and all tenants
 * share one user. Only in its own user namespace is a program counted alone. */
#include <sched.h>
#include "launcher/launcher.h"

int fn_processes_limit(fn_launch *launch) {
    const fn_optional *most = &launch->options.processes;
    if (!most->set) {
        return 0;
    }
    /* No ids are mapped, so the owner of files that it creates does not change. */
    if (unshare(CLONE_NEWUSER) != 0) {
        return 0; /* not available here: --nproc, or the program's own limit, counts the processes
                     of all tenants */
    }
    int result = fn_rlimit_lower(RLIMIT_NPROC, most->value);
    /* The creator of a namespace has all capabilities in it. */
    return result != 0 ? result : fn_capabilities_clear();
}
