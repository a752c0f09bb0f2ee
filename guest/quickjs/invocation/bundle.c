/* Loads the bundle. One context compiles it; the bytecode is moved to the other, which has no
 * compiler and evaluates it. */
#include "invocation/invocation.h"

#include <stdlib.h>
#include <string.h>

#define BUNDLE_NAME "bundle.js"

void fn_bundle_failed(fn_worker *worker, const char *code, const char *message, const char *stack) {
    fn_send_error(worker, NULL, code, message, stack);
    fn_worker_exit(worker, FN_EXIT_FAILED, true);
}

/* The bundle threw `error`, or was stopped. Takes ownership of `error`. */
static _Noreturn void fail(fn_worker *worker, JSContext *ctx, JSValue error) {
    if (worker->load.stop != FN_STOP_NONE) {
        fn_invocation_stopped(worker, &worker->load);
    }
    fn_error_text text = {0};
    if (fn_web_error_text(ctx, error, &text) != 0 || text.message == NULL) {
        fn_bundle_failed(worker, "BUNDLE_LOAD_ERROR",
                         "The bundle threw an exception while it loaded.", NULL);
    }
    JS_FreeValue(ctx, error);
    fn_bundle_failed(worker, "BUNDLE_LOAD_ERROR", text.message, text.stack);
    abort(); /* not reached */
}

static JSValue compile(fn_worker *worker, const char *source, size_t len) {
    JSContext *ctx = worker->compile_ctx;
    JSValue module =
        JS_Eval(ctx, source, len, BUNDLE_NAME, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(module)) {
        fail(worker, ctx, JS_GetException(ctx));
    }
    return module;
}

/* Takes ownership of a compiled module; returns its copy in the run context. */
static JSValue move_module(fn_worker *worker, JSValue module) {
    JSContext *ctx = worker->compile_ctx;
    /* Otherwise each function would keep its source, and an outer function that of its inner ones
     * again. */
    int source_flag = worker->limits.allow_eval ? 0 : JS_WRITE_OBJ_STRIP_SOURCE;
    size_t size;
    uint8_t *bytecode = JS_WriteObject(ctx, &size, module, JS_WRITE_OBJ_BYTECODE | source_flag);
    JS_DropModule(ctx, module);
    if (bytecode == NULL) {
        fail(worker, ctx, JS_GetException(ctx));
    }
    JSValue copy = JS_ReadObject(worker->ctx, bytecode, size, JS_READ_OBJ_BYTECODE);
    js_free(ctx, bytecode);
    if (JS_IsException(copy) || JS_ResolveModule(worker->ctx, copy) != 0) {
        fail(worker, worker->ctx, JS_GetException(worker->ctx));
    }
    return copy;
}

JSValue fn_bundle_compile(fn_worker *worker, const char *source, size_t len) {
    return move_module(worker, compile(worker, source, len));
}

/* A function, or an object with a function `fetch`. */
static void find_handler(fn_worker *worker, JSModuleDef *module, const char *name) {
    JSContext *ctx = worker->ctx;
    JSValue exports = JS_GetModuleNamespace(ctx, module);
    JSValue value = JS_GetPropertyStr(ctx, exports, name);
    JS_FreeValue(ctx, exports);
    JSValue fetch = JS_UNDEFINED;
    if (JS_IsFunction(ctx, value)) {
        worker->handler = value;
        return;
    }
    if (JS_IsObject(value)) {
        fetch = JS_GetPropertyStr(ctx, value, "fetch");
    }
    if (JS_IsException(value) || JS_IsException(fetch)) {
        fail(worker, ctx, JS_GetException(ctx));
    }
    if (!JS_IsFunction(ctx, fetch)) {
        JS_ThrowTypeError(ctx,
                          "The bundle has no handler: its export '%s' is neither a function nor an "
                          "object with a function 'fetch'",
                          name);
        fail(worker, ctx, JS_GetException(ctx));
    }
    worker->handler = fetch;
    worker->handler_this = value;
    worker->handler_is_fetch = true;
}

static void on_load_deadline(uv_timer_t *timer) {
    fn_worker *worker = timer->data;
    worker->load.stop = FN_STOP_TIMEOUT;
    fn_invocation_stopped(worker, &worker->load);
}

/* Runs the loop until the module's promise settles: top-level await may need timers. */
static void await_evaluation(fn_worker *worker, JSValue promise) {
    JSContext *ctx = worker->ctx;
    /* The loop was created earlier, and its clock has not been updated since. */
    uv_update_time(&worker->loop);
    uv_timer_start(&worker->load_timer, on_load_deadline, worker->limits.load_ms, 0);
    JS_PromiseMarkAsHandled(ctx, promise);
    fn_jobs_run(worker);
    while (JS_PromiseState(ctx, promise) == JS_PROMISE_PENDING) {
        uv_run(&worker->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&worker->load_timer);
    JSValue result = JS_PromiseResult(ctx, promise);
    if (JS_PromiseState(ctx, promise) == JS_PROMISE_REJECTED) {
        fail(worker, ctx, result);
    }
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, promise);
}

void fn_bundle_load(fn_worker *worker, const char *handler, char *payload, const char *source,
                    size_t len) {
    fn_invocation *load = &worker->load;
    load->cpu_limit_ns = worker->limits.load_cpu_ms * 1000000u;
    load->deadline_ns = fn_wall_ns() + worker->limits.load_ms * 1000000u;
    fn_scope scope = fn_enter(worker, load);
    JSValue module = compile(worker, source, len);
    free(payload); /* a large bundle would take the memory that its bytecode needs */
    module = move_module(worker, module);
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue promise = JS_EvalFunction(worker->ctx, module);
    if (JS_IsException(promise)) {
        fail(worker, worker->ctx, JS_GetException(worker->ctx));
    }
    fn_leave(worker, scope);
    await_evaluation(worker, promise);
    scope = fn_enter(worker, load);
    find_handler(worker, definition, handler);
    load->deadline_ns = 0;
    fn_leave(worker, scope);
    worker->ready = true;
    fn_background_start(worker);
}
