/* The async context: an object that tenants never see. Promise reactions, jobs, timers and streams
 * carry it, and it leads to the invocation that they belong to. A context with a value of the
 * tenant (AsyncLocalStorage) has another class, so that functions without such values pay nothing.
 */
#include "core/worker.h"

#include "core/check.h"

typedef struct {
    fn_invocation *invocation;
    JSValue value;
} fn_async_frame;

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    fn_invocation *invocation = JS_GetOpaque(value, worker->async_class);
    if (invocation != NULL) {
        fn_invocation_unref(invocation);
    }
}

static void finalize_frame(JSRuntime *rt, JSValueConst value) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    fn_async_frame *frame = JS_GetOpaque(value, worker->async_frame_class);
    if (frame != NULL) {
        fn_invocation_unref(frame->invocation);
        JS_FreeValueRT(rt, frame->value);
        js_free_rt(rt, frame);
    }
}

static void mark_frame(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    fn_async_frame *frame = JS_GetOpaque(value, worker->async_frame_class);
    if (frame != NULL) {
        JS_MarkValue(rt, frame->value, mark);
    }
}

int fn_async_init(fn_worker *worker) {
    static const JSClassDef definition = {"AsyncContext", .finalizer = finalize};
    static const JSClassDef frame = {"AsyncFrame", .finalizer = finalize_frame,
                                     .gc_mark = mark_frame};
    JS_NewClassID(worker->rt, &worker->async_class);
    JS_NewClassID(worker->rt, &worker->async_frame_class);
    int err = JS_NewClass(worker->rt, worker->async_class, &definition);
    return err != 0 ? err : JS_NewClass(worker->rt, worker->async_frame_class, &frame);
}

JSValue fn_async_new(fn_worker *worker, fn_invocation *invocation) {
    JSValue value = JS_NewObjectProtoClass(worker->ctx, JS_NULL, worker->async_class);
    if (!JS_IsException(value)) {
        JS_SetOpaque(value, fn_invocation_ref(invocation));
    }
    return value;
}

static fn_async_frame *frame_of(fn_worker *worker, JSValueConst async_context) {
    return JS_IsUndefined(async_context) ? NULL
                                         : JS_GetOpaque(async_context, worker->async_frame_class);
}

fn_invocation *fn_async_invocation(fn_worker *worker, JSValueConst async_context) {
    if (JS_IsUndefined(async_context)) {
        return &worker->load;
    }
    fn_invocation *invocation = JS_GetOpaque(async_context, worker->async_class);
    if (invocation == NULL) {
        fn_async_frame *frame = frame_of(worker, async_context);
        FN_CHECK(frame != NULL);
        invocation = frame->invocation;
    }
    return invocation;
}

/* A context of the same invocation as the current one, with another value. */
static JSValue with_value(fn_worker *worker, JSValueConst value) {
    JSContext *ctx = worker->ctx;
    fn_async_frame *frame = js_malloc(ctx, sizeof(*frame));
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, worker->async_frame_class);
    if (frame == NULL || JS_IsException(object)) {
        js_free(ctx, frame);
        JS_FreeValue(ctx, object);
        return JS_EXCEPTION;
    }
    JSValue outer = JS_GetAsyncContext(worker->rt);
    frame->invocation = fn_invocation_ref(fn_async_invocation(worker, outer));
    JS_FreeValue(ctx, outer);
    frame->value = JS_DupValue(ctx, value);
    JS_SetOpaque(object, frame);
    return object;
}

static JSValue current(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    (void)argv;
    fn_worker *worker = fn_worker_of(ctx);
    JSValue async_context = JS_GetAsyncContext(worker->rt);
    fn_async_frame *frame = frame_of(worker, async_context);
    JSValue value = frame == NULL ? JS_UNDEFINED : JS_DupValue(ctx, frame->value);
    JS_FreeValue(ctx, async_context);
    return value;
}

static JSValue run(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc; /* the engine passes at least the declared number */
    fn_worker *worker = fn_worker_of(ctx);
    JSValue inner = with_value(worker, argv[0]);
    if (JS_IsException(inner)) {
        return inner;
    }
    JSValue outer = JS_GetAsyncContext(worker->rt);
    JS_SetAsyncContext(worker->rt, inner);
    JSValue result = JS_Call(ctx, argv[1], JS_UNDEFINED, 0, NULL);
    JS_SetAsyncContext(worker->rt, outer);
    return result;
}

/* Stays in force until the running code ends: its caller restores the former context. */
static JSValue enter(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_worker *worker = fn_worker_of(ctx);
    JSValue inner = with_value(worker, argv[0]);
    if (JS_IsException(inner)) {
        return inner;
    }
    JS_SetAsyncContext(worker->rt, inner);
    return JS_UNDEFINED;
}

const JSCFunctionListEntry fn_async_functions[] = {
    JS_CFUNC_DEF("current", 0, current),
    JS_CFUNC_DEF("run", 2, run),
    JS_CFUNC_DEF("enter", 1, enter),
};
const int fn_async_function_count = sizeof(fn_async_functions) / sizeof(fn_async_functions[0]);

/* An invocation that is over has given up its own context, which would keep its record alive. */
static JSValue context_of(fn_worker *worker, fn_invocation *invocation) {
    if (invocation->load || invocation->state != FN_GONE) {
        return JS_DupValue(worker->ctx, invocation->async);
    }
    JSValue context = fn_async_new(worker, invocation);
    if (JS_IsException(context)) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
        return JS_UNDEFINED;
    }
    return context;
}

fn_scope fn_enter(fn_worker *worker, fn_invocation *invocation) {
    fn_scope scope = {worker->current, JS_GetAsyncContext(worker->rt)};
    JS_SetAsyncContext(worker->rt, context_of(worker, invocation));
    fn_budget_switch(worker, invocation);
    worker->depth++;
    return scope;
}

void fn_leave(fn_worker *worker, fn_scope scope) {
    fn_invocation *invocation = fn_invocation_ref(worker->current);
    worker->depth--;
    fn_budget_switch(worker, scope.outer);
    JS_SetAsyncContext(worker->rt, scope.outer_async);
    /* In a nested scope, its code is still on the stack. */
    if (worker->depth == 0) {
        fn_background_turn_over(worker, invocation);
        if (invocation->stop != FN_STOP_NONE) {
            worker->hooks->stopped(worker, invocation);
        }
    }
    fn_invocation_unref(invocation);
}
