/* A Response's attributes and the methods of its body; and how the host reads it. */
#include "response.h"

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
    fn_response *response = this_response(ctx, this_val);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    switch (member) {
    case TYPE:
        return JS_NewString(ctx, response->is_error ? "error" : "default");
    case URL:
        return JS_NewString(ctx, "");
    case REDIRECTED:
        return JS_FALSE;
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
    *out = (fn_response_view){.hold = JS_UNDEFINED, .stream = JS_UNDEFINED};
    fn_response *response = JS_GetOpaque(value, fn_web.response);
    if (response == NULL) {
        *why = "the handler returned no Response";
        return -1;
    }
    if (response->is_error) {
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
    if (!JS_IsUndefined(body->stream)) {
        out->stream = fn_pump_new(ctx, body->stream);
        if (JS_IsException(out->stream)) {
            out->stream = JS_UNDEFINED;
            *why = "there is no memory to read the Response";
            return -1;
        }
        out->kind = FN_BODY_STREAM;
    } else if (body->source != FN_SOURCE_NULL) {
        if (fn_body_view(ctx, body, &out->bytes, &out->len) < 0) {
            *why = "there is no memory to read the Response";
            return -1;
        }
        out->kind = FN_BODY_BYTES;
    }
    body->used = body->source != FN_SOURCE_NULL;
    out->hold = JS_DupValue(ctx, value);
    return 0;
}
