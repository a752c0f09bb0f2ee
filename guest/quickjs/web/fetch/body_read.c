/* The methods that read a body, and what takes one over whole. */
#include "web/fetch/body.h"

JSValue fn_rejected(JSContext *ctx) {
    JSValue error = JS_GetException(ctx);
    if (JS_IsUncatchableError(error)) {
        return JS_Throw(ctx, error);
    }
    JSValue promise = JS_NewSettledPromise(ctx, true, error);
    JS_FreeValue(ctx, error);
    return promise;
}

static JSValue parse_json(JSContext *ctx, const uint8_t *bytes, size_t len) {
    if (len >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf) {
        bytes += 3;
        len -= 3;
    }
    if (fn_utf8_valid(bytes, len) == len) {
        return JS_ParseJSON(ctx, (const char *)bytes, len, "<body>");
    }
    size_t mended_len;
    char *mended = fn_utf8_mend(ctx, bytes, len, &mended_len);
    if (mended == NULL) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_ParseJSON(ctx, mended, mended_len, "<body>");
    js_free(ctx, mended);
    return value;
}

JSValue fn_body_package(JSContext *ctx, fn_body_as as, const uint8_t *bytes, size_t len,
                        JSValueConst type) {
    switch (as) {
    case FN_AS_ARRAY_BUFFER:
        return fn_array_buffer(ctx, bytes, len);
    case FN_AS_BYTES:
        return fn_uint8_array(ctx, bytes, len);
    case FN_AS_TEXT:
        return fn_utf8_decode_bom(ctx, bytes, len);
    case FN_AS_JSON:
        return parse_json(ctx, bytes, len);
    default:
        break;
    }
    JSValue array = fn_uint8_array(ctx, bytes, len);
    if (JS_IsException(array)) {
        return array;
    }
    JSValueConst args[] = {array, type};
    JSValue made = fn_hook(ctx, as == FN_AS_BLOB ? "makeBlob" : "parseFormData", 2, args);
    JS_FreeValue(ctx, array);
    return made;
}

/* The value of content-type, which only these two look at. */
static JSValue content_type(JSContext *ctx, fn_body_as as, fn_headers *headers) {
    if (as != FN_AS_BLOB && as != FN_AS_FORM_DATA) {
        return JS_NULL;
    }
    size_t len;
    uint8_t *value = fn_headers_combined(headers, "content-type", 12, &len);
    if (value == NULL) {
        return len == SIZE_MAX ? JS_ThrowOutOfMemory(ctx) : JS_NULL;
    }
    JSValue string = fn_text_isomorphic(ctx, value, len);
    fn_free(value);
    return string;
}

static JSValue read_now(JSContext *ctx, fn_body *body, fn_body_as as, JSValueConst type) {
    const uint8_t *bytes = (const uint8_t *)"";
    size_t len = 0;
    if (body->source != FN_SOURCE_NULL) {
        body->used = true;
        if (fn_body_view_bytes(ctx, body, &bytes, &len) < 0) {
            return fn_rejected(ctx);
        }
    }
    JSValue value = fn_body_package(ctx, as, bytes, len, type);
    if (JS_IsException(value)) {
        return fn_rejected(ctx);
    }
    JSValue promise = JS_NewSettledPromise(ctx, false, value);
    JS_FreeValue(ctx, value);
    return promise;
}

JSValue fn_body_consume(JSContext *ctx, fn_body *body, fn_body_as as, fn_headers *headers) {
    if (fn_body_unusable(ctx, body)) {
        JS_ThrowTypeError(ctx, "the body was read already, or its stream is locked");
        return fn_rejected(ctx);
    }
    JSValue type = content_type(ctx, as, headers);
    if (JS_IsException(type)) {
        return fn_rejected(ctx);
    }
    JSValue promise;
    if (!JS_IsUndefined(body->stream)) {
        JSValue how = JS_NewInt32(ctx, as);
        JSValueConst args[] = {body->stream, how, type};
        promise = fn_hook(ctx, "consumeStream", 3, args);
    } else if (body->source == FN_SOURCE_FEED) {
        body->used = true;
        promise = fn_feed_consume(ctx, body->value, as, type);
    } else {
        promise = read_now(ctx, body, as, type);
    }
    JS_FreeValue(ctx, type);
    return JS_IsException(promise) ? fn_rejected(ctx) : promise;
}

int fn_body_take(JSContext *ctx, fn_body *body, JSValueConst owner, fn_body_view *view) {
    *view = (fn_body_view){.hold = JS_UNDEFINED, .pump = JS_UNDEFINED};
    if (body->source == FN_SOURCE_NULL) {
        return 0;
    }
    if (body->source == FN_SOURCE_FEED || !JS_IsUndefined(body->stream)) {
        JSValue stream = fn_body_stream(ctx, body);
        JSValue pump = JS_IsException(stream) ? JS_EXCEPTION : fn_pump_new(ctx, stream);
        JS_FreeValue(ctx, stream);
        if (JS_IsException(pump)) {
            return -1;
        }
        view->kind = FN_BODY_STREAM;
        view->pump = pump;
    } else {
        if (fn_body_view_bytes(ctx, body, &view->bytes, &view->len) < 0) {
            return -1;
        }
        view->kind = FN_BODY_BYTES;
        view->hold = JS_DupValue(ctx, owner);
    }
    body->used = true;
    return 0;
}

static int split(JSContext *ctx, fn_body *from, fn_body *to) {
    JSValue stream = fn_body_stream(ctx, from);
    JSValue pair = JS_IsException(stream) ? JS_EXCEPTION : fn_hook(ctx, "teeStream", 1, &stream);
    JS_FreeValue(ctx, stream);
    if (JS_IsException(pair)) {
        return -1;
    }
    JSValue left = JS_GetPropertyUint32(ctx, pair, 0);
    JSValue right = JS_GetPropertyUint32(ctx, pair, 1);
    JS_FreeValue(ctx, pair);
    if (JS_IsException(left) || JS_IsException(right)) {
        JS_FreeValue(ctx, left);
        JS_FreeValue(ctx, right);
        return -1;
    }
    fn_body_free(JS_GetRuntime(ctx), from);
    from->source = to->source = FN_SOURCE_STREAM;
    from->stream = left;
    to->stream = right;
    return 0;
}

/* Text and bytes never change, so that two bodies can hold the same. */
static void share(JSContext *ctx, const fn_body *from, fn_body *to) {
    to->source = from->source;
    to->value = JS_DupValue(ctx, from->value);
    to->bytes = from->bytes;
    if (to->bytes != NULL) {
        to->bytes->references++;
    }
}

int fn_body_clone(JSContext *ctx, fn_body *from, fn_body *to) {
    *to = FN_BODY_INIT;
    if (from->source == FN_SOURCE_FEED || !JS_IsUndefined(from->stream)) {
        return split(ctx, from, to);
    }
    share(ctx, from, to);
    return 0;
}

int fn_body_move(JSContext *ctx, fn_body *from, fn_body *to) {
    *to = FN_BODY_INIT;
    if (JS_IsUndefined(from->stream)) {
        share(ctx, from, to);
        from->used = from->source != FN_SOURCE_NULL;
        return 0;
    }
    JSValue stream = fn_hook(ctx, "proxyStream", 1, &from->stream);
    if (JS_IsException(stream)) {
        return -1;
    }
    to->source = FN_SOURCE_STREAM;
    to->stream = stream;
    return 0;
}
