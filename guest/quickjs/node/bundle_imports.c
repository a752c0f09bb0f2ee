/* The modules `fn:...` that C provides to bundles, on which the sources of Node's modules
 * (guest/node) are built. A bundle can import nothing else, and each module only if the function's
 * capabilities allow it. That is checked here, at run time, whatever a deployment accepted. */
#include "node/node.h"

#include <string.h>
#include "web/web.h"

typedef struct {
    const char *name;
    bool (*allowed)(const fn_worker *worker); /* NULL: by every function */
    const JSCFunctionListEntry *functions;    /* NULL: only `exports` */
    const int *function_count;
    /* Declares other exports, or sets them with `fill`. 0 or -1. */
    int (*exports)(JSContext *ctx, JSModuleDef *module, bool fill);
} fn_bundle_import;

static int export_worker(JSContext *ctx, JSModuleDef *module, bool fill) {
    const fn_worker *worker = fn_worker_of(ctx);
    if (!fill) {
        return JS_AddModuleExport(ctx, module, "env") < 0 ||
                       JS_AddModuleExport(ctx, module, "memoryBytes") < 0
                   ? -1
                   : 0;
    }
    JSValue memory = JS_NewInt64(ctx, (int64_t)worker->limits.memory_bytes);
    return JS_SetModuleExport(ctx, module, "env", JS_DupValue(ctx, worker->env)) < 0 ||
                   JS_SetModuleExport(ctx, module, "memoryBytes", memory) < 0
               ? -1
               : 0;
}

/* `add` and `read` of the bundle's own assets. */
static int export_assets(JSContext *ctx, JSModuleDef *module, bool fill) {
    static const char *const names[] = {"add", "read"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!fill) {
            if (JS_AddModuleExport(ctx, module, names[i]) < 0) {
                return -1;
            }
            continue;
        }
        JSValue value = fn_web_asset_function(ctx, names[i]);
        if (JS_IsException(value) || JS_SetModuleExport(ctx, module, names[i], value) < 0) {
            return -1;
        }
    }
    return 0;
}

static bool may_use_files(const fn_worker *worker) {
    return worker->limits.allow_filesystem;
}

static bool may_start_processes(const fn_worker *worker) {
    return worker->limits.allow_child_process;
}

static const fn_bundle_import imports[] = {
    {.name = "fn:assets", .exports = export_assets},
    {.name = "fn:async",
     .functions = fn_async_functions,
     .function_count = &fn_async_function_count},
    {.name = "fn:dns", .functions = fn_dns_functions, .function_count = &fn_dns_function_count},
    {.name = "fn:fs",
     .allowed = may_use_files,
     .functions = fn_file_functions,
     .function_count = &fn_file_function_count},
    {.name = "fn:hash", .exports = fn_web_hash_exports},
    {.name = "fn:node-crypto", .exports = fn_web_node_crypto_exports},
    {.name = "fn:process",
     .allowed = may_start_processes,
     .functions = fn_child_process_functions,
     .function_count = &fn_child_process_function_count},
    {.name = "fn:values",
     .functions = fn_value_functions,
     .function_count = &fn_value_function_count},
    {.name = "fn:worker", .exports = export_worker},
    {.name = "fn:zlib", .functions = fn_zlib_functions, .function_count = &fn_zlib_function_count},
};

static const fn_bundle_import *find(const char *name) {
    for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
        if (strcmp(imports[i].name, name) == 0) {
            return &imports[i];
        }
    }
    return NULL;
}

static int fill(JSContext *ctx, JSModuleDef *module) {
    JSAtom atom = JS_GetModuleName(ctx, module);
    const char *name = JS_AtomToCString(ctx, atom);
    JS_FreeAtom(ctx, atom);
    const fn_bundle_import *import = name == NULL ? NULL : find(name);
    JS_FreeCString(ctx, name);
    if (import == NULL) {
        return -1;
    }
    if (import->functions != NULL &&
        JS_SetModuleExportList(ctx, module, import->functions, *import->function_count) < 0) {
        return -1;
    }
    return import->exports == NULL ? 0 : import->exports(ctx, module, true);
}

/* Gives the pending exception a code. */
static void add_code(JSContext *ctx, const char *code) {
    JSValue error = JS_GetException(ctx);
    /* It may be another one: out of memory. */
    if (JS_IsObject(error) &&
        JS_DefinePropertyValueStr(ctx, error, "code", JS_NewString(ctx, code), JS_PROP_C_W_E) < 0) {
        JS_FreeValue(ctx, error);
        return;
    }
    JS_Throw(ctx, error);
}

/* Every import of a tenant, static or dynamic, is checked here before a module is looked up, so the
 * built-ins of the Web APIs cannot be imported. */
static char *check_import(JSContext *ctx, const char *base, const char *name, void *opaque) {
    (void)base;
    fn_worker *worker = opaque;
    const fn_bundle_import *import = find(name);
    if (import != NULL && (import->allowed == NULL || import->allowed(worker))) {
        return js_strdup(ctx, name);
    }
    JS_ThrowTypeError(ctx, "cannot import '%s': %s", name,
                      import == NULL ? "a bundle must contain everything that it imports"
                                     : "the function's profile does not allow it");
    if (import == NULL) {
        add_code(ctx, "MODULE_NOT_FOUND");
    }
    return NULL;
}

/* The compile-only context gets a module that is never filled. */
static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque) {
    (void)opaque;
    const fn_bundle_import *import = find(name);
    JSModuleDef *module = import == NULL ? NULL : JS_NewCModule(ctx, name, fill);
    if (module == NULL) {
        return NULL;
    }
    if (import->functions != NULL &&
        JS_AddModuleExportList(ctx, module, import->functions, *import->function_count) < 0) {
        return NULL;
    }
    if (import->exports != NULL && import->exports(ctx, module, false) < 0) {
        return NULL;
    }
    return module;
}

void fn_bundle_imports_init(fn_worker *worker) {
    JS_SetModuleLoaderFunc(worker->rt, check_import, load, worker);
}
