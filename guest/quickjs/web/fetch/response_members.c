/* A Response's attributes and the methods of its body; and how the host reads it. */
#include "web/fetch/response.h"

static fn_response *this_response(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, fn_web.response);
}

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

const JSCFunctionListEntry fn_response_members[] = {
    FN_GETTER_MAGIC("type", get, TYPE),
    FN_GETTER_MAGIC("url", get, URL),
    FN_GETTER_MAGIC("redirected", get, REDIRECTED),
    FN_GETTER_MAGIC("status", get, STATUS),
    FN_GETTER_MAGIC("ok", get, OK),
    FN_GETTER_MAGIC("statusText", get, STATUS_TEXT),
    FN_GETTER_MAGIC("headers", get, HEADERS),
    FN_GETTER_MAGIC("body", get, BODY),
    FN_GETTER_MAGIC("bodyUsed", get, BODY_USED),
    FN_METHOD_MAGIC("arrayBuffer", 0, consume, FN_AS_ARRAY_BUFFER),
    FN_METHOD_MAGIC("blob", 0, consume, FN_AS_BLOB),
    FN_METHOD_MAGIC("bytes", 0, consume, FN_AS_BYTES),
    FN_METHOD_MAGIC("formData", 0, consume, FN_AS_FORM_DATA),
    FN_METHOD_MAGIC("json", 0, consume, FN_AS_JSON),
    FN_METHOD_MAGIC("text", 0, consume, FN_AS_TEXT),
    FN_TAG("Response"),
};
const int fn_response_member_count = FN_COUNT(fn_response_members);

int fn_web_response_read(JSContext *ctx, JSValueConst value, fn_response_view *out,
                         const char **why) {
    *out = (fn_response_view){.body = {.hold = JS_UNDEFINED, .pump = JS_UNDEFINED}};
    fn_response *response = JS_GetOpaque(value, fn_web.response);
    if (response == NULL) {
        *why = "the handler returned no Response";
        return -1;
    }
    if (response->type == FN_RESPONSE_ERROR) {
        *why = "the handler returned an error response";
        return -1;
    }
    fn_body *body = &response->body;
    if (fn_body_unusable(ctx, body)) {
        *why = "the body of the Response was read already, or its stream is locked";
        return -1;
    }
    out->status = response->status;
    out->headers = response->headers;
    if (fn_body_take(ctx, body, value, &out->body) < 0) {
        *why = "there is no memory to read the Response";
        return -1;
    }
    if (JS_IsUndefined(out->body.hold)) {
        out->body.hold = JS_DupValue(ctx, value); /* the headers are the Response's */
    }
    return 0;
}
