/* The Response interface: https://fetch.spec.whatwg.org/#response-class */
#include "web/fetch/response.h"
#include "web/fetch/body.h"
#include "web/fetch/fetch.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"
#include "web/url/url.h"

#include <string.h>

JSClassID fn_response_class;

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_response *response = JS_GetOpaque(value, fn_response_class);
    if (response != NULL) {
        fn_headers_free(response->headers);
        JS_FreeValueRT(rt, response->headers_object);
        JS_FreeValueRT(rt, response->status_text);
        JS_FreeValueRT(rt, response->url);
        fn_body_free(rt, &response->body);
        js_free_rt(rt, response);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    fn_response *response = JS_GetOpaque(value, fn_response_class);
    if (response != NULL) {
        JS_MarkValue(rt, response->headers_object, mark_func);
        fn_body_mark(rt, &response->body, mark_func);
    }
}

static fn_response *this_response(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, fn_response_class);
}

fn_response *fn_response_attach(JSContext *ctx, JSValue value) {
    fn_response *response = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*response));
    if (response == NULL) {
        JS_FreeValue(ctx, value);
        return NULL;
    }
    *response = (fn_response){.status = 200,
                              .guard = FN_GUARD_RESPONSE,
                              .headers = fn_headers_new(),
                              .headers_object = JS_UNDEFINED,
                              .status_text = JS_UNDEFINED,
                              .url = JS_UNDEFINED,
                              .body = FN_BODY_INIT};
    JS_SetOpaque(value, response);
    if (response->headers == NULL) {
        JS_ThrowOutOfMemory(ctx);
        JS_FreeValue(ctx, value);
        return NULL;
    }
    return response;
}

bool fn_is_null_body_status(int status) {
    return status == 101 || status == 103 || status == 204 || status == 205 || status == 304;
}

/* ---- ResponseInit: https://fetch.spec.whatwg.org/#responseinit */

static int set_status(JSContext *ctx, fn_response *response, JSValueConst value) {
    int32_t status;
    if (JS_ToInt32(ctx, &status, value) < 0) {
        return -1;
    }
    status &= 0xffff; /* WebIDL's unsigned short */
    if (status < 200 || status > 599) {
        JS_ThrowRangeError(ctx, "Response: the status is not in the range from 200 to 599");
        return -1;
    }
    response->status = status;
    return 0;
}

static int set_status_text(JSContext *ctx, fn_response *response, JSValueConst value) {
    fn_text text;
    if (fn_text_bytes(ctx, &text, value) < 0) {
        return -1;
    }
    bool valid = true;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.bytes[i];
        valid = valid && (c == '\t' || (c >= 0x20 && c != 0x7f));
    }
    if (valid) {
        response->status_text = fn_text_isomorphic(ctx, (const uint8_t *)text.bytes, text.len);
    } else {
        JS_ThrowTypeError(ctx, "Response: the status text is not valid");
    }
    fn_text_free(ctx, &text);
    return valid && !JS_IsException(response->status_text) ? 0 : -1;
}

/* Reads the members in the order of their names and applies them. 0, or -1 with an exception. */
static int apply_init(JSContext *ctx, fn_response *response, JSValueConst init) {
    if (JS_IsUndefined(init) || JS_IsNull(init)) {
        return 0;
    }
    if (!JS_IsObject(init)) {
        JS_ThrowTypeError(ctx, "Response: the second argument is not an object");
        return -1;
    }
    JSValue headers = JS_GetPropertyStr(ctx, init, "headers");
    int err = JS_IsException(headers) ? -1 : 0;
    if (err == 0 && !JS_IsUndefined(headers)) {
        err = fn_headers_fill(ctx, response->headers, headers);
    }
    JS_FreeValue(ctx, headers);
    JSValue status = err < 0 ? JS_UNDEFINED : JS_GetPropertyStr(ctx, init, "status");
    if (JS_IsException(status) ||
        (!JS_IsUndefined(status) && set_status(ctx, response, status) < 0)) {
        err = -1;
    }
    JS_FreeValue(ctx, status);
    JSValue text = err < 0 ? JS_UNDEFINED : JS_GetPropertyStr(ctx, init, "statusText");
    if (JS_IsException(text) ||
        (!JS_IsUndefined(text) && set_status_text(ctx, response, text) < 0)) {
        err = -1;
    }
    JS_FreeValue(ctx, text);
    return err;
}

/* ---- the constructor and the static methods */

static int set_body(JSContext *ctx, fn_response *response, JSValueConst init) {
    fn_body_type type;
    int err = fn_body_extract(ctx, init, &response->body, &type);
    if (err == 0 && response->body.source != FN_SOURCE_NULL) {
        if (fn_is_null_body_status(response->status)) {
            JS_ThrowTypeError(ctx, "Response: a body is not allowed with status %d",
                              response->status);
            err = -1;
        } else {
            err = fn_body_set_type(ctx, response->headers, &type);
        }
    }
    JS_FreeValue(ctx, type.value);
    return err;
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    JSValue value = fn_idl_create(ctx, new_target, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    if ((argc > 1 && apply_init(ctx, response, argv[1]) < 0) ||
        (argc > 0 && set_body(ctx, response, argv[0]) < 0)) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static JSValue static_json(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    const fn_body_type type = {"application/json", JS_UNDEFINED};
    (void)this_val;
    if (fn_idl_need(ctx, "Response.json", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    JSValue text = JS_JSONStringify(ctx, argv[0], JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(text)) {
        return text;
    }
    if (!JS_IsString(text)) {
        JS_FreeValue(ctx, text);
        return JS_ThrowTypeError(ctx, "Response.json: the value cannot be serialized as JSON");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        JS_FreeValue(ctx, text);
        return JS_EXCEPTION;
    }
    response->body.source = FN_SOURCE_TEXT;
    response->body.value = text;
    int err = argc > 1 ? apply_init(ctx, response, argv[1]) : 0;
    if (err == 0 && fn_is_null_body_status(response->status)) {
        JS_ThrowTypeError(ctx, "Response.json: a body is not allowed with status %d",
                          response->status);
        err = -1;
    }
    if (err < 0 || fn_body_set_type(ctx, response->headers, &type) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static JSValue static_error(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    (void)argv;
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    response->type = FN_RESPONSE_ERROR;
    response->status = 0;
    response->guard = FN_GUARD_IMMUTABLE;
    return value;
}

/* There is no base URL here, so a relative URL is refused. */
static int redirect_target(JSContext *ctx, fn_response *response, JSValueConst url) {
    fn_text text;
    if (fn_text_usv(ctx, &text, url) < 0) {
        return -1;
    }
    JSValue href = fn_url_normalize(ctx, text.bytes, text.len);
    fn_text_free(ctx, &text);
    if (!JS_IsString(href)) {
        JS_FreeValue(ctx, href);
        JS_ThrowTypeError(ctx, "Response.redirect: Invalid URL");
        return -1;
    }
    int err = fn_text_bytes(ctx, &text, href);
    if (err == 0 && fn_headers_append(response->headers, "location", 8, (const uint8_t *)text.bytes,
                                      text.len) != 0) {
        JS_ThrowOutOfMemory(ctx);
        err = -1;
    }
    fn_text_free(ctx, &text);
    JS_FreeValue(ctx, href);
    return err;
}

static JSValue static_redirect(JSContext *ctx, JSValueConst this_val, int argc,
                               JSValueConst *argv) {
    (void)this_val;
    int32_t status = 302;
    if (fn_idl_need(ctx, "Response.redirect", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    if (redirect_target(ctx, response, argv[0]) < 0 ||
        (argc > 1 && !JS_IsUndefined(argv[1]) && JS_ToInt32(ctx, &status, argv[1]) < 0)) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    status &= 0xffff;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
        JS_FreeValue(ctx, value);
        return JS_ThrowRangeError(ctx, "Response.redirect: %d is not a redirect status", status);
    }
    response->status = status;
    response->guard = FN_GUARD_IMMUTABLE;
    return value;
}

static JSValue clone_response(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_response *from = this_response(ctx, this_val);
    if (from == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_body_unusable(ctx, &from->body)) {
        return JS_ThrowTypeError(ctx, "Response.clone: the body was already read, or is locked");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *to = fn_response_attach(ctx, value);
    if (to == NULL) {
        return JS_EXCEPTION;
    }
    fn_headers *copy = fn_headers_copy(from->headers);
    if (copy == NULL || fn_body_clone(ctx, &from->body, &to->body) < 0) {
        fn_headers_free(copy);
        JS_FreeValue(ctx, value);
        return copy == NULL ? JS_ThrowOutOfMemory(ctx) : JS_EXCEPTION;
    }
    fn_headers_free(to->headers);
    to->headers = copy;
    to->status = from->status;
    to->type = from->type;
    to->redirected = from->redirected;
    to->url = JS_DupValue(ctx, from->url);
    to->guard = from->guard;
    to->status_text = JS_DupValue(ctx, from->status_text);
    return value;
}

/* ---- the members */

enum { TYPE, URL, REDIRECTED, STATUS, OK, STATUS_TEXT, HEADERS, BODY, BODY_USED };

static JSValue get_headers(JSContext *ctx, fn_response *response) {
    if (JS_IsUndefined(response->headers_object)) {
        JSValue object = fn_headers_object(ctx, response->headers, response->guard);
        if (JS_IsException(object)) {
            return object;
        }
        response->headers_object = object;
    }
    return JS_DupValue(ctx, response->headers_object);
}

static JSValue get(JSContext *ctx, JSValueConst this_val, int member) {
    static const char *const types[] = {
        [FN_RESPONSE_DEFAULT] = "default",
        [FN_RESPONSE_BASIC] = "basic",
        [FN_RESPONSE_ERROR] = "error",
    };
    fn_response *response = this_response(ctx, this_val);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    switch (member) {
    case TYPE:
        return JS_NewString(ctx, types[response->type]);
    case URL:
        return JS_IsUndefined(response->url) ? JS_NewString(ctx, "")
                                             : JS_DupValue(ctx, response->url);
    case REDIRECTED:
        return JS_NewBool(ctx, response->redirected);
    case STATUS:
        return JS_NewInt32(ctx, response->status);
    case OK:
        return JS_NewBool(ctx, response->status >= 200 && response->status <= 299);
    case STATUS_TEXT:
        return JS_IsUndefined(response->status_text) ? JS_NewString(ctx, "")
                                                     : JS_DupValue(ctx, response->status_text);
    case HEADERS:
        return get_headers(ctx, response);
    case BODY:
        return fn_body_stream(ctx, &response->body);
    default:
        return JS_NewBool(ctx, fn_body_used(ctx, &response->body));
    }
}

static JSValue consume(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int as) {
    (void)argc;
    (void)argv;
    fn_response *response = this_response(ctx, this_val);
    return response == NULL
               ? fn_rejected(ctx)
               : fn_body_consume(ctx, &response->body, (fn_body_as)as, response->headers);
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER_MAGIC("type", get, TYPE),
    FN_GETTER_MAGIC("url", get, URL),
    FN_GETTER_MAGIC("redirected", get, REDIRECTED),
    FN_GETTER_MAGIC("status", get, STATUS),
    FN_GETTER_MAGIC("ok", get, OK),
    FN_GETTER_MAGIC("statusText", get, STATUS_TEXT),
    FN_GETTER_MAGIC("headers", get, HEADERS),
    FN_GETTER_MAGIC("body", get, BODY),
    FN_GETTER_MAGIC("bodyUsed", get, BODY_USED),
    FN_METHOD("clone", 0, clone_response),
    FN_METHOD_MAGIC("arrayBuffer", 0, consume, FN_AS_ARRAY_BUFFER),
    FN_METHOD_MAGIC("blob", 0, consume, FN_AS_BLOB),
    FN_METHOD_MAGIC("bytes", 0, consume, FN_AS_BYTES),
    FN_METHOD_MAGIC("formData", 0, consume, FN_AS_FORM_DATA),
    FN_METHOD_MAGIC("json", 0, consume, FN_AS_JSON),
    FN_METHOD_MAGIC("text", 0, consume, FN_AS_TEXT),
    FN_TAG("Response"),
};

static const JSCFunctionListEntry statics[] = {
    FN_METHOD("error", 0, static_error),
    FN_METHOD("redirect", 1, static_redirect),
    FN_METHOD("json", 1, static_json),
};

int fn_response_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &fn_response_class,
        .class_def = {"Response", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
        .statics = statics,
        .static_count = FN_COUNT(statics),
    };
    return fn_idl_define(ctx, &interface);
}

/* ---- for the host */

int fn_web_response_read(JSContext *ctx, JSValueConst value, fn_response_view *out,
                         const char **why) {
    *out = (fn_response_view){.body = {.hold = JS_UNDEFINED, .stream_source = JS_UNDEFINED}};
    fn_response *response = JS_GetOpaque(value, fn_response_class);
    if (response == NULL) {
        *why = "The handler returned no Response.";
        return -1;
    }
    if (response->type == FN_RESPONSE_ERROR) {
        *why = "The handler returned an error response.";
        return -1;
    }
    fn_body *body = &response->body;
    if (fn_body_unusable(ctx, body)) {
        *why = "The body of the Response was already read, or its stream is locked.";
        return -1;
    }
    out->status = response->status;
    out->headers = response->headers;
    if (fn_body_take(ctx, body, value, &out->body) < 0) {
        *why = "There is not enough memory to read the Response.";
        return -1;
    }
    if (JS_IsUndefined(out->body.hold)) {
        out->body.hold = JS_DupValue(ctx, value); /* the Response owns the headers */
    }
    return 0;
}
