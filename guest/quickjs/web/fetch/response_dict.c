/* ResponseInit: https://fetch.spec.whatwg.org/#responseinit */
#include "web/fetch/response.h"

static int set_status(JSContext *ctx, fn_response *response, JSValueConst value) {
    int32_t status;
    if (JS_ToInt32(ctx, &status, value) < 0) {
        return -1;
    }
    status &= 0xffff; /* WebIDL's unsigned short */
    if (status < 200 || status > 599) {
        JS_ThrowRangeError(ctx, "Response: the status is not in the range of 200 to 599");
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

/* Members are read in the order of their names, then applied. */
int fn_response_apply(JSContext *ctx, fn_response *response, JSValueConst init) {
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
