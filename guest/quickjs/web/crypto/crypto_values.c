/* Arguments and results of the primitives. */
#include "core/host.h"
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"

int fn_crypto_bytes(JSContext *ctx, JSValueConst value, fn_bytes *bytes) {
    uint8_t *at;
    int err = fn_buffer_source(ctx, value, &at, &bytes->len);
    if (err > 0) {
        JS_ThrowTypeError(ctx, "not a BufferSource");
    }
    bytes->at = at == NULL ? (const uint8_t *)"" : at;
    return err != 0 ? -1 : 0;
}

int fn_crypto_uint(JSContext *ctx, JSValueConst value, uint32_t *number) {
    int64_t wide;
    if (!JS_IsNumber(value) || JS_ToInt64(ctx, &wide, value) < 0 || wide < 0 || wide > UINT32_MAX) {
        JS_ThrowTypeError(ctx, "not an unsigned number");
        return -1;
    }
    *number = (uint32_t)wide;
    return 0;
}

JSValue fn_crypto_output(JSContext *ctx, size_t len, uint8_t **at) {
    JSValue buffer = JS_NewArrayBufferCopy(ctx, NULL, len);
    if (!JS_IsException(buffer)) {
        *at = JS_GetArrayBuffer(ctx, &len, buffer);
    }
    return buffer;
}

JSValue fn_crypto_fail(JSContext *ctx, const char *name, const char *message) {
    if (!fn_host_stopped(JS_GetRuntime(ctx))) {
        return JS_ThrowDOMException(ctx, name, "%s", message);
    }
    JS_ThrowInternalError(ctx, "interrupted");
    JSValue error = JS_GetException(ctx);
    JS_SetUncatchableError(ctx, error);
    return JS_Throw(ctx, error);
}

JSValue fn_crypto_done(JSContext *ctx, int err, JSValue value) {
    if (err == 0 || JS_IsException(value)) {
        return value;
    }
    JS_FreeValue(ctx, value);
    return fn_crypto_fail(ctx, "OperationError", "the operation failed");
}
