/* The layers that a worker closes behind itself, after its limits and before a byte of the
 * tenant's: Landlock, then seccomp. What the kernel has of them the template finds out, once for
 * all. */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "wall.h"

#ifdef FN_SANITIZE

/* The leak check at a sanitized worker's end makes a thread, traces, and reads /proc. */
int fn_closing_prepare(fn_worker *worker) {
    worker->closing = (fn_closing){.ruleset = -1};
    return 0;
}

int fn_closing_close(fn_worker *worker) {
    (void)worker;
    return 0;
}

#else

int fn_closing_prepare(fn_worker *worker) {
    fn_closing *closing = &worker->closing;
    closing->ruleset = -1;
    if (fn_landlock_version() > 0) {
        closing->ruleset = fn_landlock_new(false);
        if (closing->ruleset < 0) {
            return closing->ruleset;
        }
    }
    closing->seccomp = fn_seccomp_available();
    return closing->seccomp ? fn_seccomp_refuse_io_uring() : 0;
}

static fn_wall_kind kind_of(const fn_limits *limits) {
    if (limits->allow_child_process) {
        return FN_WALL_PROGRAMS;
    }
    return limits->allow_filesystem ? FN_WALL_FILES : FN_WALL_SEALED;
}

int fn_closing_close(fn_worker *worker) {
    fn_closing *closing = &worker->closing;
    fn_wall_kind kind = kind_of(&worker->limits);
    if (closing->ruleset >= 0) {
        /* Only a sealed worker has no files at all. */
        int err = kind == FN_WALL_SEALED ? fn_landlock_close(closing->ruleset) : 0;
        if (err != 0) {
            return err;
        }
        close(closing->ruleset);
        closing->ruleset = -1;
    }
    return closing->seccomp ? fn_seccomp_close(fn_filter_of(kind)) : 0;
}

#endif

int fn_closing_list(const fn_worker *worker, char *out, size_t size) {
    const fn_closing *closing = &worker->closing;
    bool landlock = closing->ruleset >= 0;
    return snprintf(out, size, "%s%s%s", landlock ? "\"landlock\"" : "",
                    landlock && closing->seccomp ? "," : "", closing->seccomp ? "\"seccomp\"" : "");
}
