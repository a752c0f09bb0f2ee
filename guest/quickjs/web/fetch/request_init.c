/* new Request(input, init): https://fetch.spec.whatwg.org/#dom-request */
#include "web/fetch/body.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/fetch/request.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"
#include "web/url/url.h"

#include <string.h>
#include <strings.h>

/* ---- RequestInit: https://fetch.spec.whatwg.org/#requestinit */

/* The members of a RequestInit; undefined when absent. */
typedef struct {
    bool given; /* has at least one member */
    JSValue body, duplex, headers, integrity, keepalive, method, referrer, signal, window;
    int enums[FN_ENUM_COUNT]; /* -1: absent */
} request_dict;

static void free_dict(JSContext *ctx, request_dict *m) {
    JSValue values[] = {m->body,   m->duplex,   m->headers, m->integrity, m->keepalive,
                        m->method, m->referrer, m->signal,  m->window};
    for (int i = 0; i < FN_COUNT(values); i++) {
        JS_FreeValue(ctx, values[i]);
    }
}

static int read_member(JSContext *ctx, JSValueConst init, request_dict *m, const char *name,
                       JSValue *value) {
    *value = JS_GetPropertyStr(ctx, init, name);
    if (JS_IsException(*value)) {
        *value = JS_UNDEFINED;
        return -1;
    }
    m->given = m->given || !JS_IsUndefined(*value);
    return 0;
}

static int to_string(JSContext *ctx, JSValue *value) {
    if (JS_IsUndefined(*value)) {
        return 0;
    }
    JSValue string = JS_ToString(ctx, *value);
    JS_FreeValue(ctx, *value);
    *value = JS_IsException(string) ? JS_UNDEFINED : string;
    return JS_IsException(string) ? -1 : 0;
}

/* The index of `value`, as a string, in `names`, or -1 with an exception. */
static int enum_index(JSContext *ctx, JSValueConst value, const char *what,
                      const char *const *names) {
    size_t len;
    const char *text = JS_ToCStringLen(ctx, &len, value);
    if (text == NULL) {
        return -1;
    }
    int found = -1;
    for (int i = 0; names[i] != NULL && found < 0; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
            found = i;
        }
    }
    JS_FreeCString(ctx, text);
    if (found < 0) {
        JS_ThrowTypeError(ctx, "Request: not a value of %s", what);
    }
    return found;
}

static int read_enum(JSContext *ctx, JSValueConst init, request_dict *m, const char *name,
                     fn_request_enum which) {
    JSValue value;
    if (read_member(ctx, init, m, name, &value) < 0) {
        return -1;
    }
    if (!JS_IsUndefined(value)) {
        m->enums[which] = enum_index(ctx, value, name, fn_request_enums[which]);
        JS_FreeValue(ctx, value);
        return m->enums[which] < 0 ? -1 : 0;
    }
    return 0;
}

static int read_only_enum(JSContext *ctx, JSValueConst init, request_dict *m, const char *name,
                          const char *const *names, JSValue *value) {
    return read_member(ctx, init, m, name, value) < 0 ||
                   (!JS_IsUndefined(*value) && enum_index(ctx, *value, name, names) < 0)
               ? -1
               : 0;
}

/* Reads the members in the order of their names. 0, or -1 with an exception; the caller frees `m`
 * in either case. */
static int read_dict(JSContext *ctx, JSValueConst init, request_dict *m) {
    static const char *const duplexes[] = {"half", NULL};
    static const char *const priorities[] = {"high", "low", "auto", NULL};
    JSValue priority = JS_UNDEFINED;
    *m = (request_dict){.body = JS_UNDEFINED,
                        .duplex = JS_UNDEFINED,
                        .headers = JS_UNDEFINED,
                        .integrity = JS_UNDEFINED,
                        .keepalive = JS_UNDEFINED,
                        .method = JS_UNDEFINED,
                        .referrer = JS_UNDEFINED,
                        .signal = JS_UNDEFINED,
                        .window = JS_UNDEFINED};
    for (int i = 0; i < FN_ENUM_COUNT; i++) {
        m->enums[i] = -1;
    }
    if (JS_IsUndefined(init) || JS_IsNull(init)) {
        return 0;
    }
    if (!JS_IsObject(init)) {
        JS_ThrowTypeError(ctx, "Request: the second argument is not an object");
        return -1;
    }
    int err = read_member(ctx, init, m, "body", &m->body) < 0 ||
              read_enum(ctx, init, m, "cache", FN_ENUM_CACHE) < 0 ||
              read_enum(ctx, init, m, "credentials", FN_ENUM_CREDENTIALS) < 0 ||
              read_only_enum(ctx, init, m, "duplex", duplexes, &m->duplex) < 0 ||
              read_member(ctx, init, m, "headers", &m->headers) < 0 ||
              read_member(ctx, init, m, "integrity", &m->integrity) < 0 ||
              to_string(ctx, &m->integrity) < 0 ||
              read_member(ctx, init, m, "keepalive", &m->keepalive) < 0 ||
              read_member(ctx, init, m, "method", &m->method) < 0 ||
              to_string(ctx, &m->method) < 0 || read_enum(ctx, init, m, "mode", FN_ENUM_MODE) < 0 ||
              read_only_enum(ctx, init, m, "priority", priorities, &priority) < 0 ||
              read_enum(ctx, init, m, "redirect", FN_ENUM_REDIRECT) < 0 ||
              read_member(ctx, init, m, "referrer", &m->referrer) < 0 ||
              to_string(ctx, &m->referrer) < 0 ||
              read_enum(ctx, init, m, "referrerPolicy", FN_ENUM_REFERRER_POLICY) < 0 ||
              read_member(ctx, init, m, "signal", &m->signal) < 0 ||
              read_member(ctx, init, m, "window", &m->window) < 0;
    JS_FreeValue(ctx, priority);
    return err ? -1 : 0;
}

/* ---- the request that it describes */

/* Like every failure of a fetch, it has a code, and a cause with the same code. */
static void throw_invalid_url(JSContext *ctx, JSValueConst input) {
    fn_url_throw_invalid(ctx, 1, &input);
    JSValue cause = JS_GetException(ctx);
    JS_ThrowTypeError(ctx, "Request: Invalid URL");
    JSValue error = JS_GetException(ctx);
    if (!JS_IsObject(error) ||
        JS_DefinePropertyValueStr(ctx, error, "code", JS_NewString(ctx, "ERR_INVALID_URL"),
                                  JS_PROP_C_W_E) < 0 ||
        JS_DefinePropertyValueStr(ctx, error, "cause", JS_DupValue(ctx, cause),
                                  JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, cause);
    JS_Throw(ctx, error);
}

/* A string, or a value that converts to one: a URL without credentials. */
static int set_url(JSContext *ctx, fn_request *request, JSValueConst input) {
    fn_text text;
    if (fn_text_usv(ctx, &text, input) < 0) {
        return -1;
    }
    request->url = fn_url_normalize(ctx, text.bytes, text.len);
    bool credentials = JS_IsString(request->url) && fn_url_has_credentials(text.bytes, text.len);
    fn_text_free(ctx, &text);
    if (JS_IsNull(request->url)) {
        throw_invalid_url(ctx, input);
        return -1;
    }
    if (credentials) {
        JS_ThrowTypeError(ctx, "Request: the URL contains credentials");
        return -1;
    }
    return JS_IsException(request->url) ? -1 : 0;
}

static int set_method(JSContext *ctx, fn_request *request, JSValueConst value) {
    static const char *const normal[] = {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", NULL};
    static const char *const forbidden[] = {"CONNECT", "TRACE", "TRACK", NULL};
    fn_text text;
    if (fn_text_bytes(ctx, &text, value) < 0) {
        return -1;
    }
    bool refused = !fn_is_token(text.bytes, text.len);
    for (int i = 0; forbidden[i] != NULL; i++) {
        refused = refused || strcasecmp(text.bytes, forbidden[i]) == 0;
    }
    if (refused) {
        JS_ThrowTypeError(ctx, "Request: the method is not allowed");
        fn_text_free(ctx, &text);
        return -1;
    }
    JSValue method = JS_DupValue(ctx, value);
    for (int i = 0; normal[i] != NULL; i++) {
        if (strcasecmp(text.bytes, normal[i]) == 0) {
            JS_FreeValue(ctx, method);
            method = JS_NewString(ctx, normal[i]);
        }
    }
    fn_text_free(ctx, &text);
    JS_FreeValue(ctx, request->method);
    request->method = method;
    return JS_IsException(method) ? -1 : 0;
}

static int set_referrer(JSContext *ctx, fn_request *request, JSValueConst value) {
    fn_text text;
    if (fn_text_usv(ctx, &text, value) < 0) {
        return -1;
    }
    JSValue referrer =
        text.len == 0 ? JS_NewString(ctx, "") : fn_url_normalize(ctx, text.bytes, text.len);
    fn_text_free(ctx, &text);
    if (JS_IsNull(referrer)) {
        JS_ThrowTypeError(ctx, "Request: the referrer is not a URL");
        return -1;
    }
    JS_FreeValue(ctx, request->referrer);
    request->referrer = referrer;
    return JS_IsException(referrer) ? -1 : 0;
}

static bool is_simple_method(JSContext *ctx, JSValueConst method) {
    const char *name = JS_ToCString(ctx, method);
    bool simple = name != NULL && (strcasecmp(name, "GET") == 0 || strcasecmp(name, "HEAD") == 0 ||
                                   strcasecmp(name, "POST") == 0);
    JS_FreeCString(ctx, name);
    return simple;
}

static int set_enums(JSContext *ctx, fn_request *request, const request_dict *m) {
    for (int i = 0; i < FN_ENUM_COUNT; i++) {
        if (m->enums[i] >= 0) {
            request->enums[i] = (uint8_t)m->enums[i];
        }
    }
    const char *mode = fn_request_enums[FN_ENUM_MODE][request->enums[FN_ENUM_MODE]];
    const char *cache = fn_request_enums[FN_ENUM_CACHE][request->enums[FN_ENUM_CACHE]];
    if (m->enums[FN_ENUM_MODE] >= 0 && strcmp(mode, "navigate") == 0) {
        JS_ThrowTypeError(ctx, "Request: a script cannot use the mode navigate");
        return -1;
    }
    if (strcmp(mode, "no-cors") == 0 && !JS_IsUndefined(m->method) &&
        !is_simple_method(ctx, m->method)) {
        JS_ThrowTypeError(ctx, "Request: the mode no-cors allows only GET, HEAD and POST");
        return -1;
    }
    request->guard = strcmp(mode, "no-cors") == 0 ? FN_GUARD_REQUEST_NO_CORS : FN_GUARD_REQUEST;
    if (strcmp(cache, "only-if-cached") == 0 && strcmp(mode, "same-origin") != 0) {
        JS_ThrowTypeError(ctx, "Request: only-if-cached needs the mode same-origin");
        return -1;
    }
    return 0;
}

/* The new request follows the given signal, or the input's signal if that can ever abort. */
static int set_signal(JSContext *ctx, fn_request *request, fn_request *input,
                      const request_dict *m) {
    JSValue parent = JS_UNDEFINED;
    if (JS_IsNull(m->signal)) {
        return 0;
    }
    if (!JS_IsUndefined(m->signal)) {
        JSValue is_signal = fn_hook(ctx, "isSignal", 1, (JSValueConst *)&m->signal);
        bool valid = JS_IsBool(is_signal) && JS_ToBool(ctx, is_signal) > 0;
        if (!valid) {
            if (!JS_IsException(is_signal)) {
                JS_ThrowTypeError(ctx, "Request: the signal is not an AbortSignal");
            }
            JS_FreeValue(ctx, is_signal);
            return -1;
        }
        parent = JS_DupValue(ctx, m->signal);
    } else if (input != NULL && (input->from_host || !JS_IsUndefined(input->signal))) {
        parent = fn_request_signal(ctx, input);
    }
    if (JS_IsException(parent)) {
        return -1;
    }
    if (!JS_IsUndefined(parent)) {
        JSValue signal = fn_request_new_signal(ctx, parent);
        JS_FreeValue(ctx, parent);
        if (JS_IsException(signal)) {
            return -1;
        }
        request->signal = signal;
    }
    return 0;
}

static int set_headers(JSContext *ctx, fn_request *request, const fn_request *input,
                       const request_dict *m) {
    bool copies = input != NULL && JS_IsUndefined(m->headers);
    request->headers = copies ? fn_headers_copy(input->headers) : fn_headers_new();
    if (request->headers == NULL) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    if (!JS_IsUndefined(m->headers) && fn_headers_fill(ctx, request->headers, m->headers) < 0) {
        return -1;
    }
    return request->guard == FN_GUARD_REQUEST_NO_CORS
               ? fn_headers_keep_no_cors(ctx, request->headers)
               : 0;
}

static bool takes_no_body(JSContext *ctx, const fn_request *request) {
    const char *method = JS_ToCString(ctx, request->method);
    bool none = method == NULL || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    JS_FreeCString(ctx, method);
    return none;
}

static int set_body(JSContext *ctx, fn_request *request, fn_request *input, const request_dict *m) {
    bool given = !JS_IsUndefined(m->body) && !JS_IsNull(m->body);
    bool inherited = !given && input != NULL && input->body.source != FN_SOURCE_NULL;
    if (!given && !inherited) {
        return 0;
    }
    if (takes_no_body(ctx, request)) {
        JS_ThrowTypeError(ctx, "Request: GET and HEAD cannot have a body");
        return -1;
    }
    if (inherited) {
        if (fn_body_unusable(ctx, &input->body)) {
            JS_ThrowTypeError(ctx, "Request: the body was already read, or is locked");
            return -1;
        }
        return fn_body_move(ctx, &input->body, &request->body);
    }
    fn_body_type type;
    int err = fn_body_extract(ctx, m->body, &request->body, &type);
    if (err == 0) {
        err = fn_body_set_type(ctx, request->headers, &type);
    }
    JS_FreeValue(ctx, type.value);
    if (err == 0 && request->body.source == FN_SOURCE_STREAM && JS_IsUndefined(m->duplex)) {
        JS_ThrowTypeError(ctx, "Request: a body that is a stream requires duplex: 'half'");
        return -1;
    }
    return err;
}

static int set_plain(JSContext *ctx, fn_request *request, const fn_request *input,
                     JSValueConst value, const request_dict *m) {
    request->enums[FN_ENUM_CREDENTIALS] = 1; /* same-origin */
    request->enums[FN_ENUM_MODE] = 2;        /* cors */
    if (input != NULL) {
        fn_request_copy_plain(ctx, input, request);
        request->guard = FN_GUARD_REQUEST;
    } else {
        request->method = JS_NewString(ctx, "GET");
        if (JS_IsException(request->method) || set_url(ctx, request, value) < 0) {
            return -1;
        }
    }
    if (!JS_IsUndefined(m->window) && !JS_IsNull(m->window)) {
        JS_ThrowTypeError(ctx, "Request: the window can only be null");
        return -1;
    }
    if (m->given) {
        JS_FreeValue(ctx, request->referrer);
        request->referrer = JS_UNDEFINED;
        request->enums[FN_ENUM_REFERRER_POLICY] = 0;
    }
    if (!JS_IsUndefined(m->keepalive)) {
        request->keepalive = JS_ToBool(ctx, m->keepalive) > 0;
    }
    if (!JS_IsUndefined(m->integrity)) {
        JS_FreeValue(ctx, request->integrity);
        request->integrity = JS_DupValue(ctx, m->integrity);
    }
    return (!JS_IsUndefined(m->referrer) && set_referrer(ctx, request, m->referrer) < 0) ||
                   set_enums(ctx, request, m) < 0 ||
                   (!JS_IsUndefined(m->method) && set_method(ctx, request, m->method) < 0)
               ? -1
               : 0;
}

int fn_request_construct(JSContext *ctx, fn_request *request, JSValueConst value,
                         JSValueConst init) {
    fn_request *input = JS_GetOpaque(value, fn_request_class);
    request_dict m;
    int err = read_dict(ctx, init, &m) < 0 || set_plain(ctx, request, input, value, &m) < 0 ||
                      set_signal(ctx, request, input, &m) < 0 ||
                      set_headers(ctx, request, input, &m) < 0 ||
                      set_body(ctx, request, input, &m) < 0
                  ? -1
                  : 0;
    free_dict(ctx, &m);
    return err;
}
