/* The TextEncoder interface: https://encoding.spec.whatwg.org/#interface-textencoder */
#include "web/encoding/text_coders.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"

#include <string.h>

static JSClassID class_id;

/* The opaque of every encoder: it has no state, but `this` must be checked. */
static int state;

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    JSValue value = fn_idl_create(ctx, new_target, class_id);
    if (!JS_IsException(value)) {
        JS_SetOpaque(value, &state);
    }
    return value;
}

static JSValue get_encoding(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id) == NULL ? JS_EXCEPTION
                                                          : JS_NewString(ctx, "utf-8");
}

static JSValue encode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    if (JS_GetOpaque2(ctx, this_val, class_id) == NULL) {
        return JS_EXCEPTION;
    }
    fn_text text = {0};
    if (argc > 0 && !JS_IsUndefined(argv[0]) && fn_text_usv(ctx, &text, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    JSValue array = fn_uint8_array(ctx, (const uint8_t *)text.bytes, text.len);
    fn_text_free(ctx, &text);
    return array;
}

/* Counts the whole characters that fit: returns their bytes, and in `units` their UTF-16 code
 * units. */
static size_t fitting(const fn_text *text, size_t room, size_t *units) {
    size_t at = 0;
    *units = 0;
    while (at < text->len) {
        uint8_t c = (uint8_t)text->bytes[at];
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (len > room - at) {
            break;
        }
        at += len;
        *units += len == 4 ? 2 : 1;
    }
    return at;
}

static JSValue encode_into(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    fn_text text;
    if (JS_GetOpaque2(ctx, this_val, class_id) == NULL ||
        fn_idl_need(ctx, "TextEncoder.encodeInto", argc, 2) < 0 ||
        fn_text_usv(ctx, &text, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    if (JS_GetTypedArrayType(argv[1]) != JS_TYPED_ARRAY_UINT8) {
        fn_text_free(ctx, &text);
        return JS_ThrowTypeError(ctx, "TextEncoder.encodeInto: the target is not a Uint8Array");
    }
    uint8_t *bytes;
    size_t room, units;
    fn_buffer_source(ctx, argv[1], &bytes, &room);
    size_t written = fitting(&text, room, &units);
    if (written > 0) {
        memcpy(bytes, text.bytes, written);
    }
    fn_text_free(ctx, &text);
    JSValue result = JS_NewObject(ctx);
    if (JS_IsException(result) ||
        JS_DefinePropertyValueStr(ctx, result, "read", JS_NewInt64(ctx, (int64_t)units),
                                  JS_PROP_C_W_E) < 0 ||
        JS_DefinePropertyValueStr(ctx, result, "written", JS_NewInt64(ctx, (int64_t)written),
                                  JS_PROP_C_W_E) < 0) {
        JS_FreeValue(ctx, result);
        return JS_EXCEPTION;
    }
    return result;
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER("encoding", get_encoding),
    FN_METHOD("encode", 0, encode),
    FN_METHOD("encodeInto", 2, encode_into),
    FN_TAG("TextEncoder"),
};

int fn_encoder_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"TextEncoder"},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    return fn_idl_define(ctx, &interface);
}
