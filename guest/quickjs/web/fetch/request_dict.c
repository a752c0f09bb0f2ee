/* RequestInit: https://fetch.spec.whatwg.org/#requestinit */
#include "web/fetch/request.h"

#include <string.h>

void fn_request_dict_free(JSContext *ctx, fn_request_dict *m) {
    JSValue values[] = {m->body,   m->duplex,   m->headers, m->integrity, m->keepalive,
                        m->method, m->referrer, m->signal,  m->window};
    for (int i = 0; i < FN_COUNT(values); i++) {
        JS_FreeValue(ctx, values[i]);
    }
}

static int read_member(JSContext *ctx, JSValueConst init, fn_request_dict *m, const char *name,
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

/* Is `value`, as a string, one of `names`? Its index, or -1 with an exception. */
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

static int read_enum(JSContext *ctx, JSValueConst init, fn_request_dict *m, const char *name,
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

static int read_only_enum(JSContext *ctx, JSValueConst init, fn_request_dict *m, const char *name,
                          const char *const *names, JSValue *value) {
    return read_member(ctx, init, m, name, value) < 0 ||
                   (!JS_IsUndefined(*value) && enum_index(ctx, *value, name, names) < 0)
               ? -1
               : 0;
}

int fn_request_dict_read(JSContext *ctx, JSValueConst init, fn_request_dict *m) {
    static const char *const duplexes[] = {"half", NULL};
    static const char *const priorities[] = {"high", "low", "auto", NULL};
    JSValue priority = JS_UNDEFINED;
    *m = (fn_request_dict){.body = JS_UNDEFINED,
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
