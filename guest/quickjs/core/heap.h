/* The engine's allocator: malloc with a limit and a count of the memory that is really in use. */
#ifndef FN_HEAP_H
#define FN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include "quickjs.h"

/* Freed blocks that are kept for reuse while invocations run: the number of blocks, and the largest
 * size in bytes. */
#define FN_HEAP_KEPT 4
#define FN_HEAP_KEPT_SIZE (320 * 1024)

typedef struct {
    size_t used;
    size_t limit;      /* the limit now */
    size_t base_limit; /* the worker's maxMemory */
    bool drained;      /* the one extra allowance for the other invocations was used */
    bool keeps;
    int kept_count;
    void *kept[FN_HEAP_KEPT];
    JSRuntime *runtime;
    void (*refused)(void *opaque); /* called for every refused allocation; must not allocate */
    void *opaque;
} fn_heap;

/* Creates a runtime whose memory is counted in `heap`, without a limit at first. NULL if out of
 * memory. */
JSRuntime *fn_heap_runtime(fn_heap *heap);
void fn_heap_set_limit(fn_heap *heap, size_t limit);
/* Adds room to unwind an interrupted script, whose error has to be created. */
void fn_heap_grace(fn_heap *heap);
/* After an invocation exceeded the memory limit: collects its garbage, and lets the others finish.
 */
void fn_heap_recover(fn_heap *heap);
/* Starts to keep freed blocks for reuse, or frees them all and stops. */
void fn_heap_keep(fn_heap *heap, bool keeps);

#endif
