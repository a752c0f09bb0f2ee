/* The engine's allocator. The engine's own limit is not used: it counts blocks, not the arenas that
 * hold them, and it refuses without telling anybody. */
#include "heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#define GRACE (64 * 1024)
#define DRAIN_ROOM (1024 * 1024)
#define DRAIN_ALLOWANCE (4 * 1024 * 1024)
/* A forked worker shares the template's pages until a collection writes to every object in them, so
 * the first one waits until there is that much to gain. */
#define FIRST_COLLECTION (8 * 1024 * 1024)

#define HEADER 16
#define MAX_SLOT (32 * 1024)
#define PAGE 4096

/* What a block really takes. The C library that zig links puts a header in front, and gives slots
 * of a power of two, or whole pages. */
static size_t real_size(void *block) {
#ifdef __GLIBC__
    return malloc_usable_size(block);
#else
    size_t size = malloc_usable_size(block) + HEADER;
    if (size > MAX_SLOT) {
        return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    }
    return (size_t)1 << (64 - __builtin_clzll(size - 1));
#endif
}

static void *refuse(fn_heap *heap) {
    if (heap->refused != NULL) {
        heap->refused(heap->opaque);
    }
    return NULL;
}

static bool has_room(const fn_heap *heap, size_t size) {
    return heap->used <= heap->limit && size <= heap->limit - heap->used;
}

/* Makes the engine collect before the limit is met, the earlier the larger the pieces are. The last
 * bit of room is left to chance, or a full heap would be collected for every object. */
static void plan_collection(const fn_heap *heap, size_t size) {
    if (heap->limit == SIZE_MAX || heap->used >= heap->limit) {
        return;
    }
    size_t room = heap->limit - heap->used;
    if (room < heap->limit / 64) {
        return;
    }
    size_t slack = size > room ? 0 : room - size < room / 2 ? room - size : room / 2;
    size_t threshold = JS_GetMallocSize(heap->runtime) + slack;
    if (JS_GetGCThreshold(heap->runtime) > threshold) {
        JS_SetGCThreshold(heap->runtime, threshold);
    }
}

static void *count(fn_heap *heap, void *block) {
    if (block == NULL) {
        return refuse(heap);
    }
    size_t size = real_size(block);
    heap->used += size;
    if (heap->runtime != NULL) {
        plan_collection(heap, size);
    }
    return block;
}

static void *heap_malloc(void *opaque, size_t size) {
    fn_heap *heap = opaque;
    return has_room(heap, size) ? count(heap, malloc(size)) : refuse(heap);
}

static void *heap_calloc(void *opaque, size_t n, size_t size) {
    fn_heap *heap = opaque;
    if (size != 0 && n > SIZE_MAX / size) {
        return NULL;
    }
    return has_room(heap, n * size) ? count(heap, calloc(n, size)) : refuse(heap);
}

static void heap_free(void *opaque, void *block) {
    fn_heap *heap = opaque;
    if (block != NULL) {
        heap->used -= real_size(block);
        free(block);
    }
}

static void *heap_realloc(void *opaque, void *block, size_t size) {
    fn_heap *heap = opaque;
    size_t old = block == NULL ? 0 : real_size(block);
    if (size > old && !has_room(heap, size - old)) {
        return refuse(heap);
    }
    void *moved = realloc(block, size);
    if (moved == NULL) {
        return refuse(heap);
    }
    heap->used -= old;
    return count(heap, moved);
}

static size_t heap_usable_size(const void *block) {
    return malloc_usable_size((void *)(uintptr_t)block);
}

JSRuntime *fn_heap_runtime(fn_heap *heap) {
    static const JSMallocFunctions functions = {heap_calloc, heap_malloc, heap_free, heap_realloc,
                                                heap_usable_size};
    heap->limit = heap->base_limit = SIZE_MAX;
    heap->runtime = JS_NewRuntime2(&functions, heap);
    return heap->runtime;
}

void fn_heap_set_limit(fn_heap *heap, size_t limit) {
    heap->limit = heap->base_limit = limit;
    size_t more = limit / 8 < FIRST_COLLECTION ? limit / 8 : FIRST_COLLECTION;
    JS_SetGCThreshold(heap->runtime, JS_GetMallocSize(heap->runtime) + more);
}

void fn_heap_grace(fn_heap *heap) {
    if (heap->limit - heap->used < GRACE || heap->used > heap->limit) {
        heap->limit = heap->used + GRACE;
    }
}

void fn_heap_recover(fn_heap *heap) {
    heap->limit = SIZE_MAX; /* the collection runs finalizers, which may allocate */
    JS_RunGC(heap->runtime);
    heap->limit = heap->base_limit;
    if (heap->used > heap->base_limit || heap->base_limit - heap->used < DRAIN_ROOM) {
        size_t allowance = heap->drained ? 0 : DRAIN_ALLOWANCE;
        heap->drained = true;
        heap->base_limit += allowance;
        heap->limit = heap->base_limit;
    }
}
