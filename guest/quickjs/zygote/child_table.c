/* The zygote's children. */
#include "zygote/child_table.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include "uv.h"

/* Until the host sets another limit: enough to load a bundle. */
#define FIRST_CPU_NS 10000000000u
#define MAX_CPU_MS ((uint64_t)1 << 40)

int fn_children_reserve(fn_children *children, size_t more) {
    if (children->count + more <= children->capacity) {
        return 0;
    }
    size_t capacity = children->capacity == 0 ? 64 : children->capacity * 2;
    fn_child *list = realloc(children->list, capacity * sizeof(*list));
    if (list == NULL) {
        return UV_ENOMEM;
    }
    children->list = list;
    children->capacity = capacity;
    return 0;
}

void fn_children_add(fn_children *children, uint64_t worker, pid_t pid) {
    children->list[children->count++] =
        (fn_child){.worker = worker, .pid = pid, .cpu_limit_ns = FIRST_CPU_NS};
}

fn_child *fn_children_find(fn_children *children, uint64_t worker) {
    for (size_t i = 0; i < children->count; i++) {
        if (children->list[i].worker == worker) {
            return &children->list[i];
        }
    }
    return NULL;
}

/* The CPU clock of the process, with the id that clock_getcpuclockid(3) would return; 0 if the
 * process is gone. */
static uint64_t cpu_ns(pid_t pid) {
    struct timespec time;
    clockid_t clock = (clockid_t)((-(unsigned)pid - 1) * 8u + 2u);
    if (clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void fn_children_limit(fn_child *child, uint64_t cpu_ms) {
    cpu_ms = cpu_ms < MAX_CPU_MS ? cpu_ms : MAX_CPU_MS;
    child->cpu_limit_ns = cpu_ns(child->pid) + cpu_ms * 1000000u;
}

void fn_children_watch(fn_children *children) {
    for (size_t i = 0; i < children->count; i++) {
        fn_child *child = &children->list[i];
        if (!child->killed_for_cpu && cpu_ns(child->pid) > child->cpu_limit_ns) {
            child->killed_for_cpu = true;
            kill(child->pid, SIGKILL);
        }
    }
}

static uint64_t microseconds(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec;
}

static int describe(const fn_child *child, int status, const struct rusage *usage, char *line,
                    size_t size) {
    return snprintf(line, size,
                    "{\"type\":\"exited\",\"worker\":%" PRIu64
                    ",\"status\":%d,\"signal\":%d,\"cpu_us\":%" PRIu64 ",\"max_rss\":%ld%s}\n",
                    child->worker, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                    WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                    microseconds(usage->ru_utime) + microseconds(usage->ru_stime), usage->ru_maxrss,
                    child->killed_for_cpu ? ",\"reason\":\"cpu\"" : "");
}

int fn_children_reap(fn_children *children, pid_t pid, char *line, size_t size) {
    int status;
    struct rusage usage;
    if (wait4(pid, &status, WNOHANG, &usage) != pid) {
        return 0;
    }
    for (size_t i = 0; i < children->count; i++) {
        fn_child *child = &children->list[i];
        if (child->pid == pid) {
            int len = describe(child, status, &usage, line, size);
            *child = children->list[--children->count];
            return len;
        }
    }
    /* A prefork spare; or, as the zygote is init of a pid namespace, an orphan that is not a
     * worker. */
    return 0;
}

void fn_children_kill_all(const fn_children *children) {
    for (size_t i = 0; i < children->count; i++) {
        kill(children->list[i].pid, SIGKILL);
    }
}
