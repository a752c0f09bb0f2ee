/* Memory of native code, ada included. It is allocated from the engine's heap, so that the memory
 * limit and the garbage collector count it. */
#include "web/idl/memory.h"
#include "core/host.h"

#include <stdlib.h>

static JSRuntime *runtime; /* NULL until fn_memory_init */

void *fn_alloc(size_t size) {
    return js_malloc_rt(runtime, size);
}

void *fn_realloc(void *memory, size_t size) {
    return js_realloc_rt(runtime, memory, size);
}

void fn_free(void *memory) {
    js_free_rt(runtime, memory);
}

/* When `new` fails, C++ code without exceptions can only end the process. So an allocation that the
 * engine refuses is taken from the system: the refusal has already stopped the running invocation
 * (the heap notifies the core), and only the rest of this one call into ada exceeds the limit. If
 * the system refuses too, the process ends after it has reported whose invocation it was. */
typedef struct {
    void *start; /* of the memory that contains this header */
    bool of_engine;
} header;

/* C++ relies on this alignment; the engine guarantees less. */
#define ALIGNMENT 16
#define RESERVE (256 * 1024)
_Static_assert(sizeof(header) == ALIGNMENT, "the header keeps what follows it aligned");

void *fn_new(size_t size) __asm__("_Znwm");
void *fn_new_array(size_t size) __asm__("_Znam");
void *fn_new_nothrow(size_t size, const void *tag) __asm__("_ZnwmRKSt9nothrow_t");
void *fn_new_array_nothrow(size_t size, const void *tag) __asm__("_ZnamRKSt9nothrow_t");
void fn_delete(void *memory) __asm__("_ZdlPv");
void fn_delete_array(void *memory) __asm__("_ZdaPv");
void fn_delete_sized(void *memory, size_t size) __asm__("_ZdlPvm");
void fn_delete_array_sized(void *memory, size_t size) __asm__("_ZdaPvm");
void fn_delete_nothrow(void *memory, const void *tag) __asm__("_ZdlPvRKSt9nothrow_t");
void fn_delete_array_nothrow(void *memory, const void *tag) __asm__("_ZdaPvRKSt9nothrow_t");

/* Freed for the last report of the process. Never written to, so it uses no physical memory. */
static void *reserve;

int fn_memory_init(JSRuntime *rt) {
    runtime = rt;
    reserve = malloc(RESERVE);
    return reserve == NULL ? -1 : 0;
}

static void *allocate(size_t size, bool needed) {
    if (size > SIZE_MAX - 2 * ALIGNMENT) {
        return NULL;
    }
    void *start = runtime == NULL ? NULL : fn_alloc(size + 2 * ALIGNMENT);
    bool of_engine = start != NULL;
    if (!of_engine && (needed || runtime == NULL)) {
        start = malloc(size + 2 * ALIGNMENT);
    }
    if (start == NULL) {
        return NULL;
    }
    header *h = (header *)(((uintptr_t)start + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
    *h = (header){start, of_engine};
    return h + 1;
}

void *fn_new(size_t size) {
    void *memory = allocate(size, true);
    if (memory == NULL && runtime == NULL) {
        abort(); /* no worker exists yet, so there is no one to report to */
    }
    if (memory == NULL) {
        free(reserve);
        fn_host_out_of_memory(runtime);
    }
    return memory;
}

void *fn_new_array(size_t size) {
    return fn_new(size);
}

void *fn_new_nothrow(size_t size, const void *tag) {
    (void)tag;
    return allocate(size, false);
}

void *fn_new_array_nothrow(size_t size, const void *tag) {
    (void)tag;
    return allocate(size, false);
}

void fn_delete(void *memory) {
    if (memory == NULL) {
        return;
    }
    const header *h = (const header *)memory - 1;
    if (h->of_engine) {
        fn_free(h->start);
    } else {
        free(h->start);
    }
}

void fn_delete_array(void *memory) {
    fn_delete(memory);
}

void fn_delete_sized(void *memory, size_t size) {
    (void)size;
    fn_delete(memory);
}

void fn_delete_array_sized(void *memory, size_t size) {
    (void)size;
    fn_delete(memory);
}

void fn_delete_nothrow(void *memory, const void *tag) {
    (void)tag;
    fn_delete(memory);
}

void fn_delete_array_nothrow(void *memory, const void *tag) {
    (void)tag;
    fn_delete(memory);
}
