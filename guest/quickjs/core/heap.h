/* The engine's allocator: malloc with an account of what is really in use, and a limit. */
#ifndef FN_HEAP_H
#define FN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include "quickjs.h"

/* Freed blocks that are kept while invocations run: so many, of so many bytes at most. */
#define FN_HEAP_KEPT 4
#define FN_HEAP_KEPT_SIZE (320 * 1024)

typedef struct {
    size_t used;
    size_t limit;      /* in force */
    size_t base_limit; /* the worker's maxMemory */
    bool drained;      /* the one extra allowance for the others was given */
    bool keeps;
    int kept_count;
    void *kept[FN_HEAP_KEPT];
    JSRuntime *runtime;
    void (*refused)(void *opaque); /* told of every refusal; must not allocate */
    void *opaque;
} fn_heap;

/* A runtime whose memory is counted in `heap`, without limit at first. NULL on out of memory. */
JSRuntime *fn_heap_runtime(fn_heap *heap);
void fn_heap_set_limit(fn_heap *heap, size_t limit);
/* Leaves room in which an interrupted script can be unwound: its error has to be made. */
void fn_heap_grace(fn_heap *heap);
/* After an invocation was ended for its memory: collects what it left, and lets the others finish.
 */
void fn_heap_recover(fn_heap *heap);
/* Begins to keep freed blocks for reuse, or gives them all back and stops. */
void fn_heap_keep(fn_heap *heap, bool keeps);

#endif
