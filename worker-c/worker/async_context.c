/* The async context: an object that no tenant ever sees, which promise reactions, jobs, timers and
 * streams carry, and which leads back to the invocation that they work for. What belongs to one
 * part of an invocation only (AsyncLocalStorage) will be a further object of this class. */
#include "worker.h"

#include "check.h"

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    fn_invocation *invocation = JS_GetOpaque(value, worker->async_class);
    if (invocation != NULL) {
        fn_invocation_unref(invocation);
    }
}

int fn_async_init(fn_worker *worker) {
    static const JSClassDef definition = {"AsyncContext", .finalizer = finalize};
    JS_NewClassID(worker->rt, &worker->async_class);
    return JS_NewClass(worker->rt, worker->async_class, &definition);
}

JSValue fn_async_new(fn_worker *worker, fn_invocation *invocation) {
    JSValue value = JS_NewObjectProtoClass(worker->ctx, JS_NULL, worker->async_class);
    if (!JS_IsException(value)) {
        JS_SetOpaque(value, fn_invocation_ref(invocation));
    }
    return value;
}

fn_invocation *fn_async_invocation(fn_worker *worker, JSValueConst async_context) {
    if (JS_IsUndefined(async_context)) {
        return &worker->load;
    }
    fn_invocation *invocation = JS_GetOpaque(async_context, worker->async_class);
    FN_CHECK(invocation != NULL);
    return invocation;
}

fn_scope fn_enter(fn_worker *worker, fn_invocation *invocation) {
    fn_scope scope = {worker->current, JS_GetAsyncContext(worker->rt)};
    JS_SetAsyncContext(worker->rt, JS_DupValue(worker->ctx, invocation->async));
    fn_budget_switch(worker, invocation);
    worker->depth++;
    return scope;
}

void fn_leave(fn_worker *worker, fn_scope scope) {
    fn_invocation *invocation = worker->current;
    worker->depth--;
    fn_budget_switch(worker, scope.outer);
    JS_SetAsyncContext(worker->rt, scope.outer_async);
    /* Further in, its code is still on the stack. */
    if (worker->depth == 0 && invocation->stop != FN_STOP_NONE) {
        fn_invocation_stopped(worker, invocation);
    }
}
