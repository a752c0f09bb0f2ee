/* A Request's attributes and the methods of its body. */
#include "web/fetch/request.h"

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
    return JS_GetOpaque2(ctx, this_val, fn_web.request);
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
        return JS_ThrowTypeError(ctx, "Request.clone: the body was read already, or is locked");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_web.request);
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

const JSCFunctionListEntry fn_request_members[] = {
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
const int fn_request_member_count = FN_COUNT(fn_request_members);
