/* The zygote's children: their pids, their CPU limits, and how they ended. */
#ifndef FN_CHILDREN_H
#define FN_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FN_WATCH_MS 100

typedef struct {
    uint64_t worker;
    pid_t pid;
    uint64_t cpu_limit_ns; /* on the CPU clock of the process */
    bool killed_for_cpu;
    bool reported; /* its pid was reported to the host */
} fn_child;

typedef struct {
    fn_child *list;
    size_t count;
    size_t capacity;
} fn_children;

/* Reserves room for `more` children, so that nothing can fail after a fork. 0 or UV_ENOMEM. */
int fn_children_reserve(fn_children *children, size_t more);
void fn_children_add(fn_children *children, uint64_t worker, pid_t pid);
/* NULL if it has ended. */
fn_child *fn_children_find(fn_children *children, uint64_t worker);
/* Lets it use `cpu_ms` more from now on, in place of the earlier limit. */
void fn_children_limit(fn_child *child, uint64_t cpu_ms);
void fn_children_watch(fn_children *children);
/* Reaps a child that ended, and describes it in `line`. Returns the line's length, or 0 for a
 * process that was not added. */
int fn_children_reap(fn_children *children, pid_t pid, char *line, size_t size);
void fn_children_kill_all(const fn_children *children);

#endif
