/* The Crypto interface; its `subtle` is written in JS:
 * https://w3c.github.io/webcrypto/#crypto-interface */
#include "web/crypto/crypto.h"
#include "core/host.h"
#include "web/crypto/web_crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"
#include "web/idl/lazy.h"

#define MAX_BYTES 65536

static JSClassID class_id;

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    (void)new_target;
    (void)argc;
    (void)argv;
    return JS_ThrowTypeError(ctx, "Illegal constructor");
}

static JSValue over_quota(JSContext *ctx) {
    JSValue make = fn_lazy_export(ctx, "idl/quota-error.js", "quotaError");
    JSValue message =
        JS_NewString(ctx, "Crypto.getRandomValues: more than 65536 bytes were requested");
    JSValue error = JS_IsException(make) || JS_IsException(message)
                        ? JS_EXCEPTION
                        : JS_Call(ctx, make, JS_UNDEFINED, 1, &message);
    JS_FreeValue(ctx, message);
    JS_FreeValue(ctx, make);
    return JS_IsException(error) ? error : JS_Throw(ctx, error);
}

static JSValue get_random_values(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    if (JS_GetOpaque2(ctx, this_val, class_id) == NULL ||
        fn_idl_need(ctx, "Crypto.getRandomValues", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    int type = JS_GetTypedArrayType(argv[0]);
    if (type < 0 && !JS_IsDataView(argv[0])) {
        return JS_ThrowTypeError(ctx, "Crypto.getRandomValues: not an ArrayBufferView");
    }
    if (type < 0 || type >= JS_TYPED_ARRAY_FLOAT16) {
        return JS_ThrowDOMException(ctx, "TypeMismatchError", "not an integer array");
    }
    uint8_t *bytes;
    size_t len;
    fn_buffer_source(ctx, argv[0], &bytes, &len);
    if (len > MAX_BYTES) {
        return over_quota(ctx);
    }
    if (len > 0 && fn_host_random(bytes, len) != 0) {
        return JS_ThrowInternalError(ctx, "cannot read random bytes from the system");
    }
    return JS_DupValue(ctx, argv[0]);
}

static JSValue random_uuid(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    static const char digits[] = "0123456789abcdef";
    (void)argc;
    (void)argv;
    uint8_t bytes[16];
    char text[36];
    if (JS_GetOpaque2(ctx, this_val, class_id) == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_host_random(bytes, sizeof(bytes)) != 0) {
        return JS_ThrowInternalError(ctx, "cannot read random bytes from the system");
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4 */
    bytes[8] = (bytes[8] & 0x3f) | 0x80; /* variant of RFC 9562 */
    size_t end = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[end++] = '-';
        }
        text[end++] = digits[bytes[i] >> 4];
        text[end++] = digits[bytes[i] & 0x0f];
    }
    return JS_NewStringLen(ctx, text, end);
}

/* A worker loads the module on first use. */
static JSValue get_subtle(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id) == NULL
               ? JS_EXCEPTION
               : fn_lazy_export(ctx, "crypto/crypto-subtle.js", "subtle");
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER("subtle", get_subtle),
    FN_METHOD("getRandomValues", 1, get_random_values),
    FN_METHOD("randomUUID", 0, random_uuid),
    FN_TAG("Crypto"),
};

int fn_crypto_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"Crypto"},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    return fn_idl_define(ctx, &interface) < 0 ? -1 : fn_idl_singleton(ctx, class_id, "crypto");
}
