/* The resource limits that the program starts with. The workers of a zygote lower them further. */

#include <errno.h>
#include <sys/resource.h>
#include "launcher/launcher.h"

/* Sets the soft and the hard limit, so that the program cannot raise it. The launcher only lowers
 * limits: it keeps a lower limit that it inherited. */
int fn_rlimit_lower(int resource, rlim_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) {
        return -errno;
    }
    if (value < limit.rlim_max) {
        limit.rlim_max = value;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

int fn_rlimits_set(fn_launch *launch) {
    const fn_options *options = &launch->options;
    const struct {
        int resource;
        fn_optional value;
    } limits[] = {
        {RLIMIT_NOFILE, options->nofile},
        {RLIMIT_AS, options->as},
        {RLIMIT_CPU, options->cpu},
        {RLIMIT_NPROC, options->nproc},
        {RLIMIT_FSIZE, options->fsize},
        /* A core file would contain a tenant's data. */
        {RLIMIT_CORE, {.set = true, .value = 0}},
        {RLIMIT_MEMLOCK, {.set = true, .value = 0}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value.set) {
            int result = fn_rlimit_lower(limits[i].resource, limits[i].value.value);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}
