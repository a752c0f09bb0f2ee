/* The Response interface: https://fetch.spec.whatwg.org/#response-class */
#include "web/fetch/response.h"

#include <string.h>

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_response *response = JS_GetOpaque(value, fn_web.response);
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
    fn_response *response = JS_GetOpaque(value, fn_web.response);
    if (response != NULL) {
        JS_MarkValue(rt, response->headers_object, mark_func);
        fn_body_mark(rt, &response->body, mark_func);
    }
}

static fn_response *this_response(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, fn_web.response);
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
    JSValue value = fn_idl_create(ctx, new_target, fn_web.response);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    if ((argc > 1 && fn_response_apply(ctx, response, argv[1]) < 0) ||
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
        return JS_ThrowTypeError(ctx, "Response.json: the value has no JSON");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_web.response);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        JS_FreeValue(ctx, text);
        return JS_EXCEPTION;
    }
    response->body.source = FN_SOURCE_TEXT;
    response->body.value = text;
    int err = argc > 1 ? fn_response_apply(ctx, response, argv[1]) : 0;
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
    JSValue value = JS_NewObjectClass(ctx, fn_web.response);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    response->type = FN_RESPONSE_ERROR;
    response->status = 0;
    response->guard = FN_GUARD_IMMUTABLE;
    return value;
}

/* A relative URL has nothing to be relative to here, so it is refused. */
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
    JSValue value = JS_NewObjectClass(ctx, fn_web.response);
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
        return JS_ThrowTypeError(ctx, "Response.clone: the body was read already, or is locked");
    }
    JSValue value = JS_NewObjectClass(ctx, fn_web.response);
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

static const JSCFunctionListEntry statics[] = {
    FN_METHOD("error", 0, static_error),
    FN_METHOD("redirect", 1, static_redirect),
    FN_METHOD("json", 1, static_json),
};

static const JSCFunctionListEntry clone_member[] = {FN_METHOD("clone", 0, clone_response)};

int fn_response_init(JSContext *ctx) {
    const fn_interface interface = {
        .id = &fn_web.response,
        .class_def = {"Response", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .members = fn_response_members,
        .member_count = fn_response_member_count,
        .statics = statics,
        .static_count = FN_COUNT(statics),
    };
    if (fn_idl_define(ctx, &interface) < 0) {
        return -1;
    }
    JSValue proto = JS_GetClassProto(ctx, fn_web.response);
    int err = JS_SetPropertyFunctionList(ctx, proto, clone_member, FN_COUNT(clone_member));
    JS_FreeValue(ctx, proto);
    return err;
}
