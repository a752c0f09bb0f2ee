/* The modules `fn:...` that C gives to bundles: what the sources of Node's modules stand on
 * (guest/node). A bundle may import nothing else, and each of them only where the function's
 * capabilities allow what it does: that is asked here, at run time, whatever a deployment let by.
 */
#include "node/node.h"

#include <string.h>
#include "web/web.h"

typedef struct {
    const char *name;
    bool (*allowed)(const fn_worker *worker); /* NULL: by all */
    const JSCFunctionListEntry *functions;    /* NULL: `exports` has all */
    const int *function_count;
    /* Names what else it exports, or where `fill` gives it. 0 or -1. */
    int (*exports)(JSContext *ctx, JSModuleDef *module, bool fill);
} fn_native;

static int export_worker(JSContext *ctx, JSModuleDef *module, bool fill) {
    return fill ? JS_SetModuleExport(ctx, module, "env", JS_DupValue(ctx, fn_worker_of(ctx)->env))
                : JS_AddModuleExport(ctx, module, "env");
}

static bool may_use_files(const fn_worker *worker) {
    return worker->limits.allow_filesystem;
}

static bool may_start_programs(const fn_worker *worker) {
    return worker->limits.allow_child_process;
}

static const fn_native natives[] = {
    {.name = "fn:async",
     .functions = fn_async_functions,
     .function_count = &fn_async_function_count},
    {.name = "fn:fs",
     .allowed = may_use_files,
     .functions = fn_file_functions,
     .function_count = &fn_file_function_count},
    {.name = "fn:hash", .exports = fn_web_hash_exports},
    {.name = "fn:process",
     .allowed = may_start_programs,
     .functions = fn_program_functions,
     .function_count = &fn_program_function_count},
    {.name = "fn:worker", .exports = export_worker},
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
    return native->exports == NULL ? 0 : native->exports(ctx, module, true);
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
    if (native->exports != NULL && native->exports(ctx, module, false) < 0) {
        return NULL;
    }
    return module;
}

void fn_natives_init(fn_worker *worker) {
    JS_SetModuleLoaderFunc(worker->rt, check_import, load, worker);
}
