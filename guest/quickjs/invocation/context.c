/* `ctx`, an argument of every handler. The invocation is kept in C: nothing that a tenant writes to
 * the object, or creates itself, changes a limit or names another invocation. */
#include "invocation/invocation.h"

#include "core/check.h"

enum { REQUEST_ID, CLIENT_ADDRESS, DEADLINE, ENV, FUNCTION_NAME, VERSION, PROJECT };

static fn_invocation *of(JSContext *ctx, JSValueConst this_value) {
    return JS_GetOpaque2(ctx, this_value, fn_worker_of(ctx)->context_class);
}

static JSValue get(JSContext *ctx, JSValueConst this_value, int which) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = of(ctx, this_value);
    if (invocation == NULL) {
        return JS_EXCEPTION;
    }
    switch (which) {
    case REQUEST_ID:
        return JS_NewStringLen(ctx, invocation->request_id_len > 0 ? invocation->request_id : "",
                               invocation->request_id_len);
    case CLIENT_ADDRESS:
        return invocation->client_len == 0
                   ? JS_UNDEFINED
                   : JS_NewStringLen(ctx, invocation->client, invocation->client_len);
    case DEADLINE:
        return JS_NewInt64(ctx, invocation->deadline_ms);
    case ENV:
        return JS_DupValue(ctx, worker->env);
    case FUNCTION_NAME:
        return JS_DupValue(ctx, worker->function_name);
    case VERSION:
        return JS_DupValue(ctx, worker->version);
    default:
        return JS_DupValue(ctx, worker->project);
    }
}

enum { FULFILLED, REJECTED, REJECTED_QUIETLY };

static JSValue on_waited(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                         int outcome, JSValueConst *data) {
    (void)this_value;
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = fn_async_invocation(worker, data[0]);
    if (outcome == REJECTED) {
        fn_log_error(worker, invocation, "waitUntil: ", argc > 0 ? argv[0] : JS_UNDEFINED);
    }
    FN_CHECK(invocation->waiting > 0);
    if (--invocation->waiting == 0 && invocation->state == FN_WAITING) {
        fn_invocation_responded(worker, invocation);
    }
    return JS_UNDEFINED;
}

/* Attaches to the promise of `value`, so that `done` waits for it. */
static int wait_for(JSContext *ctx, fn_invocation *invocation, JSValueConst value, int rejected) {
    JSValueConst data[] = {invocation->async};
    JSValue promise = JS_NewSettledPromise(ctx, false, value);
    JSValue done = JS_NewCFunctionData(ctx, on_waited, 1, FULFILLED, 1, data);
    JSValue failed = JS_NewCFunctionData(ctx, on_waited, 1, rejected, 1, data);
    JSValue chained = JS_EXCEPTION;
    if (!JS_IsException(promise) && !JS_IsException(done) && !JS_IsException(failed)) {
        chained = JS_PromiseThen(ctx, promise, done, failed);
    }
    JS_FreeValue(ctx, promise);
    JS_FreeValue(ctx, done);
    JS_FreeValue(ctx, failed);
    JS_FreeValue(ctx, chained);
    if (JS_IsException(chained)) {
        return -1;
    }
    invocation->waiting++;
    return 0;
}

int fn_context_hold(fn_worker *worker, fn_invocation *invocation, JSValueConst promise) {
    return wait_for(worker->ctx, invocation, promise, REJECTED_QUIETLY);
}

static JSValue wait_until(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    fn_invocation *invocation = of(ctx, this_value);
    if (invocation == NULL) {
        return JS_EXCEPTION;
    }
    if (argc == 0) {
        return JS_ThrowTypeError(ctx, "waitUntil needs a promise");
    }
    if (invocation->state == FN_GONE || !fn_invocation_live(invocation)) {
        return JS_ThrowTypeError(ctx, "waitUntil: the invocation has ended");
    }
    return wait_for(ctx, invocation, argv[0], REJECTED) != 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_worker *worker = JS_GetRuntimeOpaque(rt);
    fn_invocation *invocation = JS_GetOpaque(value, worker->context_class);
    if (invocation != NULL) {
        fn_invocation_unref(invocation);
    }
}

static const JSCFunctionListEntry members[] = {
    JS_CGETSET_MAGIC_DEF("requestId", get, NULL, REQUEST_ID),
    JS_CGETSET_MAGIC_DEF("clientAddress", get, NULL, CLIENT_ADDRESS),
    JS_CGETSET_MAGIC_DEF("deadline", get, NULL, DEADLINE),
    JS_CGETSET_MAGIC_DEF("env", get, NULL, ENV),
    JS_CGETSET_MAGIC_DEF("functionName", get, NULL, FUNCTION_NAME),
    JS_CGETSET_MAGIC_DEF("version", get, NULL, VERSION),
    JS_CGETSET_MAGIC_DEF("project", get, NULL, PROJECT),
    JS_CFUNC_DEF("waitUntil", 1, wait_until),
    JS_PROP_STRING_DEF("[Symbol.toStringTag]", "InvocationContext", JS_PROP_CONFIGURABLE),
};

int fn_context_init(fn_worker *worker) {
    static const JSClassDef definition = {"InvocationContext", .finalizer = finalize};
    JS_NewClassID(worker->rt, &worker->context_class);
    JSValue prototype = JS_NewObject(worker->ctx);
    if (JS_IsException(prototype) ||
        JS_NewClass(worker->rt, worker->context_class, &definition) != 0) {
        return UV_ENOMEM;
    }
    JS_SetPropertyFunctionList(worker->ctx, prototype, members,
                               sizeof(members) / sizeof(members[0]));
    JS_SetClassProto(worker->ctx, worker->context_class, prototype);
    return 0;
}

JSValue fn_context_new(fn_worker *worker, fn_invocation *invocation) {
    JSValue value = JS_NewObjectClass(worker->ctx, (int)worker->context_class);
    if (!JS_IsException(value)) {
        JS_SetOpaque(value, fn_invocation_ref(invocation));
    }
    return value;
}
