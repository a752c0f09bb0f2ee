/* Memory of the native parts, ada's included: it counts as the engine's, so that the limit holds for
 * it and the collector hears of it. */
#include "internal.h"

#include <stdalign.h>
#include <stdlib.h>

void *fn_alloc(size_t size) {
    return js_malloc_rt(fn_web.rt, size);
}

void *fn_realloc(void *memory, size_t size) {
    return js_realloc_rt(fn_web.rt, memory, size);
}

void fn_free(void *memory) {
    js_free_rt(fn_web.rt, memory);
}

/* C++ has no answer to a refused `new` but to end the process. What the engine refuses is therefore
 * taken from the system: the refusal has already doomed the running invocation (the heap tells the
 * core), and what goes over the limit is what this one call of ada's still needs. */
typedef struct {
    alignas(max_align_t) bool of_engine;
} block;

void *fn_new(size_t size) __asm__("_Znwm");
void *fn_new_array(size_t size) __asm__("_Znam");
void fn_delete(void *memory) __asm__("_ZdlPv");
void fn_delete_array(void *memory) __asm__("_ZdaPv");
void fn_delete_sized(void *memory, size_t size) __asm__("_ZdlPvm");
void fn_delete_array_sized(void *memory, size_t size) __asm__("_ZdaPvm");

void *fn_new(size_t size) {
    if (size > SIZE_MAX - sizeof(block)) {
        abort();
    }
    block *b = fn_web.rt == NULL ? NULL : fn_alloc(sizeof(block) + size);
    bool of_engine = b != NULL;
    if (!of_engine) {
        b = malloc(sizeof(block) + size);
    }
    if (b == NULL) {
        abort();
    }
    b->of_engine = of_engine;
    return b + 1;
}

void *fn_new_array(size_t size) {
    return fn_new(size);
}

void fn_delete(void *memory) {
    if (memory != NULL) {
        block *b = (block *)memory - 1;
        if (b->of_engine) {
            fn_free(b);
        } else {
            free(b);
        }
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
