/* The resource limits of one worker, and the list of its allowed paths. They are set after the
 * fork, because the zygote must be able to fork, and the address space is counted from the zygote's
 * size. */
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096u
#define MORE_ADDRESS_SPACE (32u * 1024 * 1024) /* stack, channel buffers, libuv */
#define MAX_FILE (1024u * 1024 * 1024)         /* bytes; of a worker that may write files */
#define MAX_PROCESSES 4096 /* of the user, so the processes of all workers count */
#define CPU_FACTOR 10
#define CPU_SECONDS 60

static int set(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) {
        return -errno;
    }
    rlim_t wanted = value < RLIM_INFINITY ? (rlim_t)value : RLIM_INFINITY;
    if (wanted > limit.rlim_max) {
        wanted = limit.rlim_max; /* never above the launcher's limit */
    }
    limit.rlim_cur = limit.rlim_max = wanted;
    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

/* Whether one more page would exceed a limit of this size. */
static bool is_full(uint64_t bytes, rlim_t hard) {
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = hard};
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return false;
    }
    void *page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return true;
    }
    munmap(page, PAGE);
    return false;
}

/* The process's address space in bytes. It is found by a search over the limit, because a sealed
 * root has no /proc. */
uint64_t fn_limits_address_space(void) {
    struct rlimit before;
    if (getrlimit(RLIMIT_AS, &before) != 0) {
        return 0;
    }
    uint64_t low = 0;
    uint64_t high = (uint64_t)1 << 28; /* pages: 1 TiB */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (is_full(middle * PAGE, before.rlim_max)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    setrlimit(RLIMIT_AS, &before);
    return low * PAGE;
}

int fn_limits_apply(const fn_worker *worker) {
    const fn_limits *limits = &worker->limits;
    int err = 0;
#ifndef FN_SANITIZE
    /* A sanitizer's shadow memory alone takes terabytes of address space. */
    err = set(RLIMIT_AS, worker->zygote_bytes + limits->memory_bytes + MORE_ADDRESS_SPACE);
#endif
    uint64_t cpu_seconds = (CPU_FACTOR * limits->cpu_ms + 999) / 1000 + CPU_SECONDS;
    err = err != 0 ? err : set(RLIMIT_CPU, cpu_seconds);
    err = err != 0 ? err : set(RLIMIT_NPROC, limits->allow_child_process ? MAX_PROCESSES : 0);
    bool writes = limits->allow_filesystem || limits->allow_child_process;
    err = err != 0 ? err : set(RLIMIT_FSIZE, writes ? MAX_FILE : 0);
    err = err != 0 ? err : set(RLIMIT_CORE, 0);
    err = err != 0 ? err : set(RLIMIT_MEMLOCK, 0);
    /* The loop's descriptors are open already, and do not count against the tenant's. */
    return err != 0 ? err : set(RLIMIT_NOFILE, limits->fds);
}

int fn_paths_add(fn_paths *paths, const char *path) {
    char **list = realloc(paths->list, (paths->count + 1) * sizeof(*list));
    if (list == NULL) {
        return UV_ENOMEM;
    }
    paths->list = list;
    list[paths->count] = strdup(path);
    return list[paths->count] == NULL ? UV_ENOMEM : (paths->count++, 0);
}

void fn_paths_free(fn_paths *paths) {
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->list[i]);
    }
    free(paths->list);
    *paths = (fn_paths){0};
}
