/* The Request interface: https://fetch.spec.whatwg.org/#request-class
 * Handlers use few members of an incoming request, so its objects are created on first use. */
#include "web/fetch/request.h"
#include "web/fetch/body.h"
#include "web/fetch/fetch.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/idl.h"
#include "web/url/url.h"

#include <string.h>

JSClassID fn_request_class;

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_request *request = JS_GetOpaque(value, fn_request_class);
    if (request != NULL) {
        fn_headers_free(request->headers);
        fn_body_free(rt, &request->body);
        JSValue values[] = {request->method,    request->url,      request->headers_object,
                            request->host_body, request->signal,   request->abort_reason,
                            request->referrer,  request->integrity};
        for (int i = 0; i < FN_COUNT(values); i++) {
            JS_FreeValueRT(rt, values[i]);
        }
        js_free_rt(rt, request);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    fn_request *request = JS_GetOpaque(value, fn_request_class);
    if (request != NULL) {
        JS_MarkValue(rt, request->headers_object, mark_func);
        JS_MarkValue(rt, request->host_body, mark_func);
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
    request->host_body = request->signal = request->referrer = request->integrity = JS_UNDEFINED;
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
    JSValue value = fn_idl_create(ctx, new_target, fn_request_class);
    fn_request *request = fn_request_attach(ctx, value);
    if (request == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_request_construct(ctx, request, argv[0], argc > 1 ? argv[1] : JS_UNDEFINED) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static const char *const caches[] = {"default",     "no-store",       "reload", "no-cache",
                                     "force-cache", "only-if-cached", NULL};
static const char *const credentials[] = {"omit", "same-origin", "include", NULL};
static const char *const modes[] = {"same-origin", "no-cors", "cors", "navigate", NULL};
static const char *const redirects[] = {"follow", "error", "manual", NULL};
static const char *const policies[] = {"",
                                       "no-referrer",
                                       "no-referrer-when-downgrade",
                                       "same-origin",
                                       "origin",
                                       "strict-origin",
                                       "origin-when-cross-origin",
                                       "strict-origin-when-cross-origin",
                                       "unsafe-url",
                                       NULL};

const char *const *const fn_request_enums[FN_ENUM_COUNT] = {
    [FN_ENUM_CACHE] = caches,       [FN_ENUM_CREDENTIALS] = credentials,  [FN_ENUM_MODE] = modes,
    [FN_ENUM_REDIRECT] = redirects, [FN_ENUM_REFERRER_POLICY] = policies,
};

static fn_request *this_request(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, fn_request_class);
}

static JSValue get_enum(JSContext *ctx, JSValueConst this_val, int which) {
    fn_request *request = this_request(ctx, this_val);
    return request == NULL ? JS_EXCEPTION
                           : JS_NewString(ctx, fn_request_enums[which][request->enums[which]]);
}

enum {
    METHOD,
    URL,
    HEADERS,
    DESTINATION,
    REFERRER,
    INTEGRITY,
    KEEPALIVE,
    IS_RELOAD,
    IS_HISTORY,
    SIGNAL,
    DUPLEX,
    BODY,
    BODY_USED
};

static JSValue get_headers(JSContext *ctx, fn_request *request) {
    if (JS_IsUndefined(request->headers_object)) {
        JSValue object = fn_headers_object(ctx, request->headers, request->guard);
        if (JS_IsException(object)) {
            return object;
        }
        request->headers_object = object;
    }
    return JS_DupValue(ctx, request->headers_object);
}

static JSValue or_string(JSContext *ctx, JSValueConst value, const char *other) {
    return JS_IsUndefined(value) ? JS_NewString(ctx, other) : JS_DupValue(ctx, value);
}

static JSValue get(JSContext *ctx, JSValueConst this_val, int member) {
    fn_request *request = this_request(ctx, this_val);
    if (request == NULL) {
        return JS_EXCEPTION;
    }
    switch (member) {
    case METHOD:
        return JS_DupValue(ctx, request->method);
    case URL:
        return JS_DupValue(ctx, request->url);
    case HEADERS:
        return get_headers(ctx, request);
    case DESTINATION:
        return JS_NewString(ctx, "");
    case REFERRER:
        return or_string(ctx, request->referrer, "about:client");
    case INTEGRITY:
        return or_string(ctx, request->integrity, "");
    case KEEPALIVE:
        return JS_NewBool(ctx, request->keepalive);
    case SIGNAL:
        return fn_request_signal(ctx, request);
    case DUPLEX:
        return JS_NewString(ctx, "half");
    case BODY:
        return fn_body_stream(ctx, &request->body);
    case BODY_USED:
        return JS_NewBool(ctx, fn_body_used(ctx, &request->body));
    default: /* isReloadNavigation, isHistoryNavigation */
        return JS_FALSE;
    }
}

static JSValue consume(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int as) {
    (void)argc;
    (void)argv;
    fn_request *request = this_request(ctx, this_val);
    return request == NULL ? fn_rejected(ctx)
                           : fn_body_consume(ctx, &request->body, (fn_body_as)as, request->headers);
}

void fn_request_copy_plain(JSContext *ctx, const fn_request *from, fn_request *to) {
    to->method = JS_DupValue(ctx, from->method);
    to->url = JS_DupValue(ctx, from->url);
    to->guard = from->guard;
    to->keepalive = from->keepalive;
    to->referrer = JS_DupValue(ctx, from->referrer);
    to->integrity = JS_DupValue(ctx, from->integrity);
    for (int i = 0; i < FN_ENUM_COUNT; i++) {
        to->enums[i] = from->enums[i];
    }
}

static int copy_signal(JSContext *ctx, fn_request *from, fn_request *to) {
    JSValue parent = fn_request_signal(ctx, from);
    JSValue signal = JS_IsException(parent) ? JS_EXCEPTION : fn_request_new_signal(ctx, parent);
    JS_FreeValue(ctx, parent);
    if (JS_IsException(signal)) {
        return -1;
    }
    to->signal = signal;
    return 0;
}

static JSValue clone_request(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_request *from = this_request(ctx, this_val);
    if (from == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_body_unusable(ctx, &from->body)) {
        return JS_ThrowTypeError(ctx, "Request.clone: the body was already read, or is locked");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_request_class);
    fn_request *to = fn_request_attach(ctx, value);
    if (to == NULL) {
        return JS_EXCEPTION;
    }
    fn_request_copy_plain(ctx, from, to);
    to->headers = fn_headers_copy(from->headers);
    if (to->headers == NULL) {
        JS_FreeValue(ctx, value);
        return JS_ThrowOutOfMemory(ctx);
    }
    if (copy_signal(ctx, from, to) < 0 || fn_body_clone(ctx, &from->body, &to->body) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER_MAGIC("method", get, METHOD),
    FN_GETTER_MAGIC("url", get, URL),
    FN_GETTER_MAGIC("headers", get, HEADERS),
    FN_GETTER_MAGIC("destination", get, DESTINATION),
    FN_GETTER_MAGIC("referrer", get, REFERRER),
    FN_GETTER_MAGIC("referrerPolicy", get_enum, FN_ENUM_REFERRER_POLICY),
    FN_GETTER_MAGIC("mode", get_enum, FN_ENUM_MODE),
    FN_GETTER_MAGIC("credentials", get_enum, FN_ENUM_CREDENTIALS),
    FN_GETTER_MAGIC("cache", get_enum, FN_ENUM_CACHE),
    FN_GETTER_MAGIC("redirect", get_enum, FN_ENUM_REDIRECT),
    FN_GETTER_MAGIC("integrity", get, INTEGRITY),
    FN_GETTER_MAGIC("keepalive", get, KEEPALIVE),
    FN_GETTER_MAGIC("isReloadNavigation", get, IS_RELOAD),
    FN_GETTER_MAGIC("isHistoryNavigation", get, IS_HISTORY),
    FN_GETTER_MAGIC("signal", get, SIGNAL),
    FN_GETTER_MAGIC("duplex", get, DUPLEX),
    FN_GETTER_MAGIC("body", get, BODY),
    FN_GETTER_MAGIC("bodyUsed", get, BODY_USED),
    FN_METHOD("clone", 0, clone_request),
    FN_METHOD_MAGIC("arrayBuffer", 0, consume, FN_AS_ARRAY_BUFFER),
    FN_METHOD_MAGIC("blob", 0, consume, FN_AS_BLOB),
    FN_METHOD_MAGIC("bytes", 0, consume, FN_AS_BYTES),
    FN_METHOD_MAGIC("formData", 0, consume, FN_AS_FORM_DATA),
    FN_METHOD_MAGIC("json", 0, consume, FN_AS_JSON),
    FN_METHOD_MAGIC("text", 0, consume, FN_AS_TEXT),
    FN_TAG("Request"),
};

int fn_request_init_class(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &fn_request_class,
        .class_def = {"Request", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .length = 1,
        .members = members,
        .member_count = FN_COUNT(members),
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
    JSValue host_body = fn_host_body_new(ctx, init->id);
    if (JS_IsException(host_body)) {
        return -1;
    }
    request->host_body = host_body;
    request->body.source = FN_SOURCE_HOST;
    request->body.value = JS_DupValue(ctx, host_body);
    return init->body == NULL ? 0 : fn_host_body_push(ctx, host_body, init->body, init->body_len);
}

JSValue fn_web_request_new(JSContext *ctx, fn_request_init *init) {
    JSValue value = JS_NewObjectClass(ctx, fn_request_class);
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
    fn_request *request = JS_GetOpaque(value, fn_request_class);
    return request == NULL || JS_IsUndefined(request->host_body) ? NULL : request;
}

int fn_web_request_push(JSContext *ctx, JSValueConst value, const uint8_t *data, size_t len) {
    fn_request *request = host_request(value);
    return request == NULL ? 0 : fn_host_body_push(ctx, request->host_body, data, len);
}

int fn_web_request_end(JSContext *ctx, JSValueConst value) {
    fn_request *request = host_request(value);
    return request == NULL ? 0 : fn_host_body_end(ctx, request->host_body);
}

int fn_web_request_body_over(JSContext *ctx, JSValueConst value) {
    static const char message[] = "the request has ended, and its body was not read before";
    fn_request *request = host_request(value);
    if (request == NULL || JS_IsUndefined(request->host_body)) {
        return 0;
    }
    /* Not thrown: that would call Error.prepareStackTrace. */
    JSValue error = JS_NewError(ctx);
    if (JS_IsException(error) ||
        JS_DefinePropertyValueStr(ctx, error, "message",
                                  JS_NewStringLen(ctx, message, sizeof(message) - 1),
                                  JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE) < 0) {
        JS_FreeValue(ctx, error);
        return -1;
    }
    int err = fn_host_body_fail(ctx, request->host_body, error);
    JS_FreeValue(ctx, error);
    return err;
}

static JSValue new_abort_error(JSContext *ctx, const char *reason) {
    JS_ThrowDOMException(ctx, "AbortError", "%s", reason);
    return JS_GetException(ctx);
}

int fn_web_request_abort(JSContext *ctx, JSValueConst value, const char *reason) {
    fn_request *request = JS_GetOpaque(value, fn_request_class);
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
    if (!JS_IsUndefined(request->host_body) &&
        fn_host_body_fail(ctx, request->host_body, error) < 0) {
        err = -1;
    }
    JS_FreeValue(ctx, error);
    return err;
}
