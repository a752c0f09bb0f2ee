/* Promises for the JS of the Web APIs, which no script can have replaced. */
#include "web/idl/promises.h"

#define ARG(i) (argc > (i) ? argv[i] : JS_UNDEFINED)

/* `then` as the engine defines it. */
JSValue fn_promise_then(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    return JS_PromiseThen(ctx, ARG(0), ARG(1), ARG(2));
}

/* Reactions whose results are not used. */
JSValue fn_promise_upon(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    return JS_PromiseUpon(ctx, ARG(0), ARG(1), ARG(2)) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

JSValue fn_promise_rejected_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    return JS_NewSettledPromise(ctx, true, ARG(0));
}

/* Calls one of the two resolving functions and returns their promise. */
static JSValue settle(JSContext *ctx, JSValue promise, JSValue functions[2], JSValueConst function,
                      JSValueConst value) {
    JSValue result = JS_Call(ctx, function, JS_UNDEFINED, 1, &value);
    JS_FreeValue(ctx, functions[0]);
    JS_FreeValue(ctx, functions[1]);
    if (JS_IsException(result)) {
        JS_FreeValue(ctx, promise);
        return JS_EXCEPTION;
    }
    JS_FreeValue(ctx, result);
    return promise;
}

/* WebIDL's "a promise resolved with": for a promise, a new one that follows it. */
JSValue fn_promise_resolved_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    if (!JS_IsObject(ARG(0))) {
        return JS_NewSettledPromise(ctx, false, ARG(0));
    }
    JSValue functions[2];
    JSValue promise = JS_NewFollowingPromise(ctx, functions);
    return JS_IsException(promise) ? promise
                                   : settle(ctx, promise, functions, functions[0], argv[0]);
}

/* (executor): like `new Promise`. */
JSValue fn_promise_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    JSValue functions[2];
    JSValue promise = JS_NewFollowingPromise(ctx, functions);
    if (JS_IsException(promise)) {
        return promise;
    }
    JSValue result = JS_Call(ctx, ARG(0), JS_UNDEFINED, 2, (JSValueConst *)functions);
    if (!JS_IsException(result)) {
        JS_FreeValue(ctx, result);
        JS_FreeValue(ctx, functions[0]);
        JS_FreeValue(ctx, functions[1]);
        return promise;
    }
    JSValue error = JS_GetException(ctx);
    if (JS_IsUncatchableError(error)) {
        JS_FreeValue(ctx, functions[0]);
        JS_FreeValue(ctx, functions[1]);
        JS_FreeValue(ctx, promise);
        return JS_Throw(ctx, error);
    }
    promise = settle(ctx, promise, functions, functions[1], error);
    JS_FreeValue(ctx, error);
    return promise;
}

JSValue fn_promise_mark_handled(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv) {
    (void)this_val;
    if (JS_IsPromise(ARG(0))) {
        JS_PromiseMarkAsHandled(ctx, ARG(0));
    }
    return JS_UNDEFINED;
}

/* undefined while it is pending, otherwise [fulfilled, value]. */
JSValue fn_promise_result(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    JSPromiseStateEnum state = JS_PromiseState(ctx, ARG(0));
    if (state != JS_PROMISE_FULFILLED && state != JS_PROMISE_REJECTED) {
        return JS_UNDEFINED;
    }
    JSValue pair[] = {JS_NewBool(ctx, state == JS_PROMISE_FULFILLED),
                      JS_PromiseResult(ctx, ARG(0))};
    return JS_NewArrayFrom(ctx, 2, pair);
}
