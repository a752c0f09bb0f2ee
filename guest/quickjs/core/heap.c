/* The engine's allocator. The engine's own limit is not used: it counts blocks and not the arenas
 * that hold them, and it does not report a refusal. */
#include "core/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GRACE (64 * 1024)
#define DRAIN_ROOM (1024 * 1024)
#define DRAIN_ALLOWANCE (4 * 1024 * 1024)
/* A forked worker shares the zygote's pages until a collection writes to every object in them. So
 * the first collection waits until it can free that much. */
#define FIRST_COLLECTION (8 * 1024 * 1024)

#define HEADER 16
#define MAX_SLOT (32 * 1024)
#define PAGE 4096

/* The real size of a block. The C library that zig links adds a header, and allocates slots of a
 * power of two, or whole pages. */
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

/* Each block above MAX_SLOT has its own mapping. To map it, fault in its pages and unmap it
 * takes far longer than to copy a chunk of a body into it. So while invocations run, a few freed
 * blocks are kept for reuse; they do not count as used. */
static bool may_keep(const fn_heap *heap, size_t size) {
#ifdef FN_SANITIZE
    (void)heap;
    (void)size;
    return false; /* the sanitizer must see a use after free */
#else
    return heap->keeps && size > MAX_SLOT && size <= FN_HEAP_KEPT_SIZE;
#endif
}

static bool keep(fn_heap *heap, void *block, size_t size) {
    if (!may_keep(heap, size) || heap->kept_count == FN_HEAP_KEPT) {
        return false;
    }
    heap->kept[heap->kept_count++] = block;
    return true;
}

/* Returns a kept block of `size` bytes or slightly more, or NULL. */
static void *reuse(fn_heap *heap, size_t size) {
    if (size <= MAX_SLOT - HEADER) {
        return NULL;
    }
    for (int i = heap->kept_count - 1; i >= 0; i--) {
        void *block = heap->kept[i];
        size_t usable = malloc_usable_size(block);
        if (usable >= size && usable / 2 <= size) {
            heap->kept[i] = heap->kept[--heap->kept_count];
            return block;
        }
    }
    return NULL;
}

void fn_heap_keep(fn_heap *heap, bool keeps) {
    heap->keeps = keeps;
    while (!keeps && heap->kept_count > 0) {
        free(heap->kept[--heap->kept_count]);
    }
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

/* Makes the engine collect before the limit is reached, and earlier the larger the allocations are.
 * The last part of the heap is not collected for, or a full heap would be collected for every
 * object. */
static void plan_collection(const fn_heap *heap, size_t size) {
#ifdef FN_FORCE_GC
    if (heap->limit != SIZE_MAX) {
        JS_SetGCThreshold(heap->runtime, 0); /* with every new object */
        return;
    }
#endif
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
    if (!has_room(heap, size)) {
        return refuse(heap);
    }
    void *block = reuse(heap, size);
    return count(heap, block != NULL ? block : malloc(size));
}

static void *heap_calloc(void *opaque, size_t n, size_t size) {
    fn_heap *heap = opaque;
    if (size != 0 && n > SIZE_MAX / size) {
        return NULL;
    }
    if (!has_room(heap, n * size)) {
        return refuse(heap);
    }
    void *block = reuse(heap, n * size);
    return count(heap, block != NULL ? memset(block, 0, n * size) : calloc(n, size));
}

static void heap_free(void *opaque, void *block) {
    fn_heap *heap = opaque;
    if (block == NULL) {
        return;
    }
    size_t size = real_size(block);
    heap->used -= size;
    if (!keep(heap, block, size)) {
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
    heap->limit = SIZE_MAX; /* finalizers run in the collection and may allocate */
    JS_RunGC(heap->runtime);
    heap->limit = heap->base_limit;
    if (heap->used > heap->base_limit || heap->base_limit - heap->used < DRAIN_ROOM) {
        size_t allowance = heap->drained ? 0 : DRAIN_ALLOWANCE;
        heap->drained = true;
        heap->base_limit += allowance;
        heap->limit = heap->base_limit;
    }
}
