/* BufferSource arguments, and buffers made of bytes. */
#include "web/idl/buffer_source.h"
#include "web/idl/class_of.h"
#include "web/idl/intrinsics.h"

#include <string.h>

/* Calls a getter of the engine that returns a number. */
static int view_number(JSContext *ctx, JSValueConst view, JSValueConst getter, size_t *number) {
    JSValue value = JS_Call(ctx, getter, view, 0, NULL);
    int64_t n = 0;
    int err = JS_IsException(value) ? -1 : JS_ToInt64(ctx, &n, value);
    JS_FreeValue(ctx, value);
    *number = n < 0 ? 0 : (size_t)n;
    return err;
}

/* The bytes inside the buffer at its current size; a part that lies outside is empty. */
static int inside(JSContext *ctx, JSValueConst buffer, size_t offset, size_t part, uint8_t **bytes,
                  size_t *len) {
    size_t whole;
    uint8_t *start = JS_GetArrayBuffer(ctx, &whole, buffer);
    if (start == NULL) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        whole = 0;
    }
    bool in = offset <= whole && part <= whole - offset;
    *bytes = in && start != NULL ? start + offset : NULL;
    *len = in ? part : 0;
    return 0;
}

static int data_view(JSContext *ctx, JSValueConst value, uint8_t **bytes, size_t *len) {
    size_t offset, part;
    JSValue buffer = JS_Call(ctx, fn_intrinsics.view_get[0], value, 0, NULL);
    if (JS_IsException(buffer)) {
        return -1;
    }
    if (view_number(ctx, value, fn_intrinsics.view_get[1], &offset) < 0 ||
        view_number(ctx, value, fn_intrinsics.view_get[2], &part) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx)); /* detached or shrunk: no bytes */
        offset = part = 0;
    }
    inside(ctx, buffer, offset, part, bytes, len);
    JS_FreeValue(ctx, buffer);
    return 0;
}

int fn_buffer_source(JSContext *ctx, JSValueConst value, uint8_t **bytes, size_t *len) {
    *bytes = NULL;
    *len = 0;
    if (!JS_IsObject(value)) {
        return 1;
    }
    if (fn_is_class(value, FN_CLASS_ARRAY_BUFFER) || fn_is_class(value, FN_CLASS_SHARED_BUFFER)) {
        size_t whole;
        *bytes = JS_GetArrayBuffer(ctx, &whole, value);
        if (*bytes == NULL) {
            JS_FreeValue(ctx, JS_GetException(ctx));
            return 0;
        }
        *len = whole;
        return 0;
    }
    if (JS_IsDataView(value)) {
        return data_view(ctx, value, bytes, len);
    }
    if (JS_GetTypedArrayType(value) < 0) {
        return 1;
    }
    size_t offset, part;
    /* Only the getter knows the length of a view that tracks its buffer. */
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, NULL, NULL);
    if (JS_IsException(buffer) || view_number(ctx, value, fn_intrinsics.array_length, &part) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        JS_FreeValue(ctx, buffer);
        return 0;
    }
    inside(ctx, buffer, offset, part, bytes, len);
    JS_FreeValue(ctx, buffer);
    return 0;
}

bool fn_buffer_is_shared(JSContext *ctx, JSValueConst value) {
    JSValue buffer = JS_IsDataView(value) ? JS_Call(ctx, fn_intrinsics.view_get[0], value, 0, NULL)
                     : JS_GetTypedArrayType(value) >= 0
                         ? JS_GetTypedArrayBuffer(ctx, value, NULL, NULL, NULL)
                         : JS_DupValue(ctx, value);
    if (JS_IsException(buffer)) {
        JS_FreeValue(ctx, JS_GetException(ctx)); /* detached, so not shared */
        return false;
    }
    bool shared = fn_is_class(buffer, FN_CLASS_SHARED_BUFFER);
    JS_FreeValue(ctx, buffer);
    return shared;
}

JSValue fn_array_buffer(JSContext *ctx, const uint8_t *bytes, size_t len) {
    static const uint8_t none[1];
    return JS_NewArrayBufferCopy(ctx, len == 0 ? none : bytes, len);
}

JSValue fn_uint8_array(JSContext *ctx, const uint8_t *bytes, size_t len) {
    static const uint8_t none[1];
    return JS_NewUint8ArrayCopy(ctx, len == 0 ? none : bytes, len);
}
