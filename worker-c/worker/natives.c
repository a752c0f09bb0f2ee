/* The modules `fn:...` that C gives to bundles: what the sources of Node's modules stand on
 * (src/bundles/node). A bundle may import nothing else, and each of them only where the function's
 * capabilities allow what it does: that is asked here, at run time, whatever a deployment let by.
 */
#include "worker.h"

#include <string.h>

typedef struct {
    const char *name;
    bool (*allowed)(const fn_worker *worker); /* NULL: by all */
    const JSCFunctionListEntry *functions;    /* NULL: `fill` makes all */
    const int *function_count;
    const char *const *values; /* names of what `fill` sets; ends with NULL */
    int (*fill)(JSContext *ctx, JSModuleDef *module);
} fn_native;

static int fill_worker(JSContext *ctx, JSModuleDef *module) {
    return JS_SetModuleExport(ctx, module, "env", JS_DupValue(ctx, fn_worker_of(ctx)->env));
}

static const char *const worker_values[] = {"env", NULL};

static const fn_native natives[] = {
    {.name = "fn:async",
     .functions = fn_async_functions,
     .function_count = &fn_async_function_count},
    {.name = "fn:worker", .values = worker_values, .fill = fill_worker},
};

static const fn_native *find(const char *name) {
    for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
        if (strcmp(natives[i].name, name) == 0) {
            return &natives[i];
        }
    }
    return NULL;
}

static int fill(JSContext *ctx, JSModuleDef *module) {
    JSAtom atom = JS_GetModuleName(ctx, module);
    const char *name = JS_AtomToCString(ctx, atom);
    JS_FreeAtom(ctx, atom);
    const fn_native *native = name == NULL ? NULL : find(name);
    JS_FreeCString(ctx, name);
    if (native == NULL) {
        return -1;
    }
    if (native->functions != NULL &&
        JS_SetModuleExportList(ctx, module, native->functions, *native->function_count) < 0) {
        return -1;
    }
    return native->fill == NULL ? 0 : native->fill(ctx, module);
}

/* Every import of a tenant's, static or dynamic, comes by here before a module of that name is
 * looked for: so the built-ins of the Web APIs are out of reach. */
static char *check_import(JSContext *ctx, const char *base, const char *name, void *opaque) {
    (void)base;
    fn_worker *worker = opaque;
    const fn_native *native = find(name);
    if (native != NULL && (native->allowed == NULL || native->allowed(worker))) {
        return js_strdup(ctx, name);
    }
    JS_ThrowTypeError(ctx, "cannot import '%s': %s", name,
                      native == NULL ? "a bundle has to hold all that it imports"
                                     : "the function's profile does not allow it");
    return NULL;
}

/* The context that only compiles gets one that is never filled. */
static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque) {
    (void)opaque;
    const fn_native *native = find(name);
    JSModuleDef *module = native == NULL ? NULL : JS_NewCModule(ctx, name, fill);
    if (module == NULL) {
        return NULL;
    }
    if (native->functions != NULL &&
        JS_AddModuleExportList(ctx, module, native->functions, *native->function_count) < 0) {
        return NULL;
    }
    for (const char *const *value = native->values; value != NULL && *value != NULL; value++) {
        if (JS_AddModuleExport(ctx, module, *value) < 0) {
            return NULL;
        }
    }
    return module;
}

void fn_natives_init(fn_worker *worker) {
    JS_SetModuleLoaderFunc(worker->rt, check_import, load, worker);
}
