/* The functions of host.h. */
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "tools/builtins.h"

fn_worker *fn_worker_of(JSContext *ctx) {
    return JS_GetRuntimeOpaque(JS_GetRuntime(ctx));
}

void fn_host_log(JSContext *ctx, fn_log_level level, const char *message, size_t len) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_log(worker, worker->current, level, message, len);
}

uv_loop_t *fn_host_loop(JSContext *ctx) {
    fn_worker *worker = fn_worker_of(ctx);
    return worker->loop_made ? &worker->loop : NULL;
}

bool fn_host_may_eval(JSContext *ctx) {
    return fn_worker_of(ctx)->limits.allow_eval;
}

JSValue fn_host_async_context(JSContext *ctx) {
    return JS_GetAsyncContext(JS_GetRuntime(ctx));
}

bool fn_host_async_live(JSContext *ctx, JSValueConst async_context) {
    return fn_invocation_live(fn_async_invocation(fn_worker_of(ctx), async_context));
}

bool fn_host_in_flight(JSContext *ctx, JSValueConst async_context) {
    const fn_invocation *invocation = fn_async_invocation(fn_worker_of(ctx), async_context);
    return !invocation->load && invocation->state != FN_GONE && fn_invocation_live(invocation);
}

bool fn_host_may_run(JSContext *ctx, JSValueConst async_context) {
    fn_worker *worker = fn_worker_of(ctx);
    return fn_background_may_run(worker, fn_async_invocation(worker, async_context));
}

typedef struct {
    fn_deferred deferred; /* first */
    JSContext *ctx;
    JSValue async;
    JSValue func;
    int argc;
    JSValue argv[];
} deferred_call;

static void run_deferred_call(fn_deferred *deferred) {
    deferred_call *call = (deferred_call *)deferred;
    JSContext *ctx = call->ctx;
    fn_host_call(ctx, call->async, call->func, call->argc, (JSValueConst *)call->argv);
    for (int i = 0; i < call->argc; i++) {
        JS_FreeValue(ctx, call->argv[i]);
    }
    JS_FreeValue(ctx, call->func);
    JS_FreeValue(ctx, call->async);
    js_free(ctx, call);
}

static void defer_call(JSContext *ctx, JSValueConst async_context, JSValueConst func, int argc,
                       JSValueConst *argv) {
    deferred_call *call = js_mallocz(ctx, sizeof(*call) + (size_t)argc * sizeof(JSValue));
    if (call == NULL) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        fn_background_lost(fn_worker_of(ctx));
        return;
    }
    call->ctx = ctx;
    call->async = JS_DupValue(ctx, async_context);
    call->func = JS_DupValue(ctx, func);
    call->argc = argc;
    for (int i = 0; i < argc; i++) {
        call->argv[i] = JS_DupValue(ctx, argv[i]);
    }
    fn_host_defer(ctx, &call->deferred, run_deferred_call);
}

void fn_host_call(JSContext *ctx, JSValueConst async_context, JSValueConst func, int argc,
                  JSValueConst *argv) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = fn_async_invocation(worker, async_context);
    if (!fn_invocation_live(invocation)) {
        return;
    }
    if (worker->background.over) {
        return;
    }
    if (!fn_background_may_run(worker, invocation)) {
        defer_call(ctx, async_context, func, argc, argv);
        return;
    }
    fn_scope scope = fn_enter(worker, invocation);
    /* The async context may hold more than the invocation: a store of AsyncLocalStorage. */
    JS_SetAsyncContext(worker->rt, JS_DupValue(ctx, async_context));
    JSValue result = JS_Call(ctx, func, JS_UNDEFINED, argc, argv);
    if (JS_IsException(result)) {
        JSValue error = JS_GetException(ctx);
        if (invocation->stop == FN_STOP_NONE && worker->background.interrupt == FN_INTERRUPT_NONE) {
            worker->hooks->uncaught(worker, invocation, error);
        }
        JS_FreeValue(ctx, error);
    }
    JS_FreeValue(ctx, result);
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_host_report_error(JSContext *ctx, JSValueConst error) {
    fn_worker *worker = fn_worker_of(ctx);
    worker->hooks->uncaught(worker, worker->current, error);
}

int fn_host_random(void *buffer, size_t len) {
    uint8_t *bytes = buffer;
    while (len > 0) {
        ssize_t count = getrandom(bytes, len, 0);
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        if (count > 0) {
            bytes += count;
            len -= (size_t)count;
        }
    }
    return 0;
}

void fn_host_out_of_memory(JSRuntime *rt) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    worker->hooks->out_of_memory(worker);
    abort(); /* not reached */
}

const uint8_t *fn_host_builtin(const char *name, size_t *len) {
    return fn_builtin_find(name, len);
}

int fn_host_builtin_flags(const char *name) {
    bool hides = strncmp(name, "streams/", 8) == 0;
    return JS_READ_OBJ_BYTECODE | (hides ? JS_READ_OBJ_SLOTS : 0);
}
