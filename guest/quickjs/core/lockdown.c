/* Landlock and seccomp, with which a worker irreversibly restricts itself, after its limits are set
 * and before it reads a byte from the tenant. The zygote checks once which of them the kernel has.
 */
#include "core/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "lockdown/lockdown.h"

static unsigned rights_of(const char *flag) {
    static const struct {
        const char *flag;
        unsigned rights;
    } rights[] = {{"--read", FN_LANDLOCK_READ},
                  {"--write", FN_LANDLOCK_READ | FN_LANDLOCK_WRITE},
                  {"--program", FN_LANDLOCK_READ | FN_LANDLOCK_EXECUTE}};
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        if (strcmp(flag, rights[i].flag) == 0) {
            return rights[i].rights;
        }
    }
    return 0;
}

bool fn_grants_read(fn_grants *grants, char **argv) {
    for (; *argv != NULL && strcmp(*argv, "--any-file") == 0; argv++) {
        grants->any = true;
    }
    for (; *argv != NULL && strcmp(*argv, "--network") == 0; argv++) {
        grants->network = true;
    }
    grants->paths = argv;
    for (; argv[0] != NULL && argv[1] != NULL && rights_of(argv[0]) != 0; argv += 2) {
        grants->count++;
    }
    return *argv == NULL;
}

#ifdef FN_SANITIZE

/* The leak check at the end of a sanitized worker creates a thread, traces, and reads /proc. */
int fn_lockdown_prepare(fn_worker *worker, const fn_grants *grants) {
    (void)grants;
    worker->lockdown = (fn_lockdown){.rulesets = {-1, -1}};
    return 0;
}

int fn_lockdown_apply(fn_worker *worker) {
    (void)worker;
    return 0;
}

#else

/* A ruleset that allows the paths only; with any file allowed, it restricts everything but files.
 */
static int make_rules(const fn_grants *grants) {
    unsigned leave = grants->any ? FN_LANDLOCK_FILES : 0;
    leave |= grants->network ? FN_LANDLOCK_NETWORK : 0;
    int ruleset = fn_landlock_new(leave);
    for (size_t i = 0; i < grants->count && ruleset >= 0 && !grants->any; i++) {
        const char *path = grants->paths[2 * i + 1];
        int err = fn_landlock_allow(ruleset, path, rights_of(grants->paths[2 * i]));
        /* A path that does not exist cannot be reached. */
        if (err != 0 && err != -ENOENT && err != -ENOTDIR && err != -EACCES) {
            close(ruleset);
            return err;
        }
    }
    return ruleset;
}

int fn_lockdown_prepare(fn_worker *worker, const fn_grants *grants) {
    fn_lockdown *lockdown = &worker->lockdown;
    *lockdown = (fn_lockdown){.rulesets = {-1, -1}, .seccomp = fn_seccomp_available()};
    lockdown->landlock = fn_landlock_version() > 0;
    if (lockdown->landlock) {
        int *rulesets = lockdown->rulesets;
        rulesets[FN_RULES_SEALED] = fn_landlock_new(0);
        rulesets[FN_RULES_KIND] = make_rules(grants);
        if (rulesets[FN_RULES_SEALED] < 0) {
            return rulesets[FN_RULES_SEALED];
        }
        /* An old Landlock restricts files only. */
        if (rulesets[FN_RULES_KIND] < 0 && rulesets[FN_RULES_KIND] != -ENOMSG) {
            return rulesets[FN_RULES_KIND];
        }
    }
    return lockdown->seccomp ? fn_seccomp_refuse_io_uring() : 0;
}

static fn_lockdown_kind kind_of(const fn_limits *limits) {
    if (limits->allow_child_process) {
        return FN_LOCKDOWN_PROGRAMS;
    }
    return limits->allow_filesystem ? FN_LOCKDOWN_FILES : FN_LOCKDOWN_SEALED;
}

int fn_lockdown_apply(fn_worker *worker) {
    fn_lockdown *lockdown = &worker->lockdown;
    fn_lockdown_kind kind = kind_of(&worker->limits);
    int ruleset = lockdown->rulesets[kind == FN_LOCKDOWN_SEALED ? FN_RULES_SEALED : FN_RULES_KIND];
    if (ruleset >= 0) {
        int err = fn_landlock_apply(ruleset);
        if (err != 0) {
            return err;
        }
    }
    for (int i = 0; i < FN_RULESETS; i++) {
        if (lockdown->rulesets[i] >= 0) {
            close(lockdown->rulesets[i]);
        }
    }
    if (worker->forked &&
        (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0)) {
        return -errno; /* the descriptors are shared with all workers of the zygote */
    }
    return lockdown->seccomp ? fn_seccomp_apply(fn_filter_of(kind), NULL) : 0;
}

#endif

int fn_lockdown_layers(const fn_worker *worker, char *out, size_t size) {
    const fn_lockdown *lockdown = &worker->lockdown;
    return snprintf(out, size, "%s%s%s", lockdown->landlock ? "\"landlock\"" : "",
                    lockdown->landlock && lockdown->seccomp ? "," : "",
                    lockdown->seccomp ? "\"seccomp\"" : "");
}
