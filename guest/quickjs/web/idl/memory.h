/* Memory of native code: it counts against the engine's limit. */
#ifndef FN_WEB_MEMORY_H
#define FN_WEB_MEMORY_H

#include <stddef.h>
#include "quickjs.h"

/* 0, or -1 when out of memory. */
int fn_memory_init(JSRuntime *rt);
/* NULL where the engine's limit refuses the allocation. */
void *fn_alloc(size_t size);
void *fn_realloc(void *memory, size_t size);
void fn_free(void *memory);

#endif
