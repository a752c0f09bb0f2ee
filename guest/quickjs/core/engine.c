/* The engine: one runtime, a context that runs tenant code and one that compiles it. The zygote
 * makes them; a worker renews what must differ between workers. */
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include "core/check.h"

#define MAX_STACK (2 * 1024 * 1024)

/* Loads built-in modules for other built-ins. */
static JSModuleDef *load_builtin(JSContext *ctx, const char *name, void *opaque) {
    (void)opaque;
    size_t len;
    const uint8_t *bytecode = fn_host_builtin(name, &len);
    if (bytecode == NULL) {
        JS_ThrowReferenceError(ctx, "there is no built-in module '%s'", name);
        return NULL;
    }
    JSValue module = JS_ReadObject(ctx, bytecode, len, fn_host_builtin_flags(name));
    if (JS_IsException(module)) {
        return NULL;
    }
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, module); /* the context keeps a reference */
    return definition;
}

void fn_host_imports(JSContext *ctx, bool allow) {
    fn_worker *worker = fn_worker_of(ctx);
    if (!worker->sealed) {
        return;
    }
    if (allow) {
        JS_SetModuleLoaderFunc(worker->rt, NULL, load_builtin, NULL);
    } else {
        worker->hooks->seal_imports(worker);
    }
}

static JSContext *new_run_context(JSRuntime *rt) {
    JSContext *ctx = JS_NewContextRaw(rt);
    if (ctx == NULL) {
        return NULL;
    }
    /* JS_AddIntrinsicEval is left out: without it the engine refuses eval and all Function
     * constructors. */
    JS_AddIntrinsicRegExpCompiler(ctx);
    if (JS_AddIntrinsicBaseObjects(ctx) || JS_AddIntrinsicDate(ctx) || JS_AddIntrinsicRegExp(ctx) ||
        JS_AddIntrinsicJSON(ctx) || JS_AddIntrinsicProxy(ctx) || JS_AddIntrinsicMapSet(ctx) ||
        JS_AddIntrinsicTypedArrays(ctx) || JS_AddIntrinsicPromise(ctx) ||
        JS_AddIntrinsicWeakRef(ctx) || JS_AddIntrinsicDOMException(ctx)) {
        JS_FreeContext(ctx);
        return NULL;
    }
    return ctx;
}

static JSContext *new_compile_context(JSRuntime *rt) {
    JSContext *ctx = JS_NewContextRaw(rt);
    if (ctx == NULL) {
        return NULL;
    }
    JS_AddIntrinsicRegExpCompiler(ctx);
    if (JS_AddIntrinsicBaseObjects(ctx) || JS_AddIntrinsicEval(ctx)) {
        JS_FreeContext(ctx);
        return NULL;
    }
    return ctx;
}

/* The engine checks its stack itself, so its limit must lie well inside the system's. */
static size_t stack_size(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur / 2 > MAX_STACK) {
        return MAX_STACK;
    }
    return limit.rlim_cur / 2;
}

static void on_refused(void *opaque) {
    fn_worker *worker = opaque;
    if (worker->current != NULL && worker->current->stop == FN_STOP_NONE) {
        worker->current->stop = FN_STOP_MEMORY;
        JS_RequestInterrupt(worker->ctx);
    }
}

static void on_out_of_memory(JSContext *ctx, void *opaque) {
    (void)ctx;
    on_refused(opaque);
}

int fn_engine_init(fn_worker *worker, const fn_core_hooks *hooks) {
    worker->hooks = hooks;
    /* Functions run in UTC. If a time zone were asked for later, the C library would look for
     * files. */
    if (setenv("TZ", "UTC0", 1) != 0) {
        return UV_ENOMEM;
    }
    tzset();
    JSRuntime *rt = fn_heap_runtime(&worker->heap);
    if (rt == NULL) {
        return UV_ENOMEM;
    }
    worker->rt = rt;
    worker->heap.refused = on_refused;
    worker->heap.opaque = worker;
    JS_SetRuntimeOpaque(rt, worker);
    JS_SetMaxStackSize(rt, stack_size());
    JS_SetOutOfMemoryHandler(rt, on_out_of_memory, worker);
    JS_SetModuleLoaderFunc(rt, NULL, load_builtin, NULL);
    worker->ctx = new_run_context(rt);
    worker->compile_ctx = new_compile_context(rt);
    if (worker->ctx == NULL || worker->compile_ctx == NULL) {
        return UV_ENOMEM;
    }
    worker->handler = worker->handler_this = worker->env = JS_UNDEFINED;
    worker->function_name = worker->version = worker->project = JS_UNDEFINED;
    fn_budget_init(worker);
    fn_undefined_global_hints_init(worker);
    return fn_async_init(worker) != 0 ? UV_ENOMEM : 0;
}

void fn_engine_seal(fn_worker *worker) {
    while (JS_IsJobPending(worker->rt)) {
        JSContext *ctx;
        FN_CHECK(JS_ExecutePendingJob(worker->rt, &ctx) >= 0);
    }
    worker->sealed = true;
    fn_host_imports(worker->ctx, false);
    JS_RunGC(worker->rt);
}

int fn_engine_after_fork(fn_worker *worker) {
    uint64_t seeds[2];
    int err = fn_host_random(seeds, sizeof(seeds));
    if (err != 0) {
        return err;
    }
    JS_UpdateStackTop(worker->rt);
    JS_ReseedContext(worker->ctx, seeds[0] | 1);
    JS_ReseedContext(worker->compile_ctx, seeds[1] | 1);
    return 0;
}

void fn_engine_free(fn_worker *worker) {
    JSValue *values[] = {&worker->handler,       &worker->handler_this, &worker->env,
                         &worker->function_name, &worker->version,      &worker->project};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        JS_FreeValue(worker->ctx, *values[i]);
        *values[i] = JS_UNDEFINED;
    }
    JS_FreeContext(worker->compile_ctx);
    JS_FreeContext(worker->ctx);
    JS_FreeRuntime(worker->rt);
}
