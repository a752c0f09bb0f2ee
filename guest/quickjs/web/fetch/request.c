/* The Request interface: https://fetch.spec.whatwg.org/#request-class
 * Most of an incoming request is never looked at, so its objects are made when asked for. */
#include "web/fetch/request.h"

#include <string.h>

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_request *request = JS_GetOpaque(value, fn_web.request);
    if (request != NULL) {
        fn_headers_free(request->headers);
        fn_body_free(rt, &request->body);
        JSValue values[] = {request->method,   request->url,      request->headers_object,
                            request->feed,     request->signal,   request->abort_reason,
                            request->referrer, request->integrity};
        for (int i = 0; i < FN_COUNT(values); i++) {
            JS_FreeValueRT(rt, values[i]);
        }
        js_free_rt(rt, request);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    fn_request *request = JS_GetOpaque(value, fn_web.request);
    if (request != NULL) {
        JS_MarkValue(rt, request->headers_object, mark_func);
        JS_MarkValue(rt, request->feed, mark_func);
        JS_MarkValue(rt, request->signal, mark_func);
        JS_MarkValue(rt, request->abort_reason, mark_func);
        fn_body_mark(rt, &request->body, mark_func);
    }
}

fn_request *fn_request_attach(JSContext *ctx, JSValue value) {
    fn_request *request = JS_IsException(value) ? NULL : js_mallocz(ctx, sizeof(*request));
    if (request == NULL) {
        JS_FreeValue(ctx, value);
        return NULL;
    }
    request->method = request->url = request->headers_object = JS_UNDEFINED;
    request->feed = request->signal = request->referrer = request->integrity = JS_UNDEFINED;
    request->abort_reason = JS_UNINITIALIZED;
    request->guard = FN_GUARD_REQUEST;
    request->body = FN_BODY_INIT;
    JS_SetOpaque(value, request);
    return request;
}

JSValue fn_request_new_signal(JSContext *ctx, JSValueConst parent) {
    return fn_hook(ctx, "newSignal", 1, &parent);
}

JSValue fn_request_signal(JSContext *ctx, fn_request *request) {
    if (JS_IsUndefined(request->signal)) {
        JSValue signal = fn_request_new_signal(ctx, JS_UNDEFINED);
        if (JS_IsException(signal)) {
            return signal;
        }
        if (!JS_IsUninitialized(request->abort_reason)) {
            JSValueConst args[] = {signal, request->abort_reason};
            JSValue result = fn_hook(ctx, "abortSignal", 2, args);
            if (JS_IsException(result)) {
                JS_FreeValue(ctx, signal);
                return result;
            }
            JS_FreeValue(ctx, result);
        }
        request->signal = signal;
    }
    return JS_DupValue(ctx, request->signal);
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    if (fn_idl_need(ctx, "Request", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    JSValue value = fn_idl_create(ctx, new_target, fn_web.request);
    fn_request *request = fn_request_attach(ctx, value);
    if (request == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_request_fill(ctx, request, argv[0], argc > 1 ? argv[1] : JS_UNDEFINED) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

int fn_request_init_class(JSContext *ctx) {
    const fn_interface interface = {
        .id = &fn_web.request,
        .class_def = {"Request", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .length = 1,
        .members = fn_request_members,
        .member_count = fn_request_member_count,
    };
    return fn_idl_define(ctx, &interface);
}

/* ---- for the host */

static int set_body(JSContext *ctx, fn_request *request, const fn_request_init *init) {
    if (init->body_end) {
        return init->body == NULL
                   ? 0
                   : fn_body_set_bytes(ctx, &request->body, init->body, init->body_len);
    }
    JSValue feed = fn_feed_new(ctx, init->id);
    if (JS_IsException(feed)) {
        return -1;
    }
    request->feed = feed;
    request->body.source = FN_SOURCE_FEED;
    request->body.value = JS_DupValue(ctx, feed);
    return init->body == NULL ? 0 : fn_feed_push(ctx, feed, init->body, init->body_len);
}

JSValue fn_web_request_new(JSContext *ctx, fn_request_init *init) {
    JSValue value = JS_NewObjectClass(ctx, fn_web.request);
    fn_request *request = fn_request_attach(ctx, value);
    if (request == NULL) {
        fn_headers_free(init->headers);
        return JS_EXCEPTION;
    }
    request->headers = init->headers;
    request->guard = FN_GUARD_IMMUTABLE;
    request->from_host = true;
    request->enums[FN_ENUM_CREDENTIALS] = 1; /* same-origin */
    request->enums[FN_ENUM_MODE] = 2;        /* cors */
    request->method = JS_NewStringLen(ctx, init->method, init->method_len);
    request->url = fn_url_normalize(ctx, init->url, init->url_len);
    if (JS_IsNull(request->url)) {
        request->url = JS_NewStringLen(ctx, init->url, init->url_len);
    }
    if (JS_IsException(request->method) || JS_IsException(request->url) ||
        set_body(ctx, request, init) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static fn_request *host_request(JSValueConst value) {
    fn_request *request = JS_GetOpaque(value, fn_web.request);
    return request == NULL || JS_IsUndefined(request->feed) ? NULL : request;
}

int fn_web_request_push(JSContext *ctx, JSValueConst value, const uint8_t *data, size_t len) {
    fn_request *request = host_request(value);
    return request == NULL ? 0 : fn_feed_push(ctx, request->feed, data, len);
}

int fn_web_request_end(JSContext *ctx, JSValueConst value) {
    fn_request *request = host_request(value);
    return request == NULL ? 0 : fn_feed_end(ctx, request->feed);
}

static JSValue new_abort_error(JSContext *ctx, const char *reason) {
    JS_ThrowDOMException(ctx, "AbortError", "%s", reason);
    return JS_GetException(ctx);
}

int fn_web_request_abort(JSContext *ctx, JSValueConst value, const char *reason) {
    fn_request *request = JS_GetOpaque(value, fn_web.request);
    if (request == NULL || !JS_IsUninitialized(request->abort_reason)) {
        return 0;
    }
    JSValue error = new_abort_error(ctx, reason);
    request->abort_reason = JS_DupValue(ctx, error);
    int err = 0;
    if (!JS_IsUndefined(request->signal)) {
        JSValueConst args[] = {request->signal, error};
        JSValue result = fn_hook(ctx, "abortSignal", 2, args);
        err = JS_IsException(result) ? -1 : 0;
        JS_FreeValue(ctx, result);
    }
    if (!JS_IsUndefined(request->feed) && fn_feed_fail(ctx, request->feed, error) < 0) {
        err = -1;
    }
    JS_FreeValue(ctx, error);
    return err;
}
