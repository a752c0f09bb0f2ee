/* The template's children: who they are, what CPU they may still use, how they ended. */
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
    uint64_t cpu_limit_ns; /* of its process clock */
    bool killed_for_cpu;
    bool told; /* the host knows its pid */
} fn_child;

typedef struct {
    fn_child *list;
    size_t count;
    size_t capacity;
} fn_children;

/* Room for so many more, so that after a fork nothing can fail. 0 or UV_ENOMEM. */
int fn_children_reserve(fn_children *children, size_t more);
void fn_children_add(fn_children *children, uint64_t worker, pid_t pid);
/* NULL where it has ended. */
fn_child *fn_children_find(fn_children *children, uint64_t worker);
/* From now on it may burn so much more; the limit before is void. */
void fn_children_limit(fn_child *child, uint64_t cpu_ms);
void fn_children_watch(fn_children *children);
/* Collects one that ended, and describes it in `line`. The line's length; 0 for one that was not
 * added. */
int fn_children_reap(fn_children *children, pid_t pid, char *line, size_t size);
void fn_children_kill_all(const fn_children *children);

#endif
