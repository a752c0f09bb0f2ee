/* Array operations for the built-in JS that do not use Array.prototype: the engine's own push would
 * call a setter that a script put there, and its splice the constructor that the array names. */
#include "web/idl/safe_array.h"

/* (array, ...values) */
JSValue fn_safe_array_push(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    int64_t len;
    if (argc == 0 || JS_GetLength(ctx, argv[0], &len) < 0) {
        return JS_EXCEPTION;
    }
    for (int i = 1; i < argc; i++, len++) {
        if (JS_DefinePropertyValueUint32(ctx, argv[0], (uint32_t)len, JS_DupValue(ctx, argv[i]),
                                         JS_PROP_C_W_E) < 0) {
            return JS_EXCEPTION;
        }
    }
    return JS_UNDEFINED;
}

/* (array, from = 0, to = length): a copy of elements that all exist. */
JSValue fn_safe_array_slice(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    int64_t len;
    if (argc == 0 || JS_GetLength(ctx, argv[0], &len) < 0) {
        return JS_EXCEPTION;
    }
    uint32_t from = 0, to = (uint32_t)len;
    if ((argc > 1 && JS_ToUint32(ctx, &from, argv[1]) < 0) ||
        (argc > 2 && JS_ToUint32(ctx, &to, argv[2]) < 0)) {
        return JS_EXCEPTION;
    }
    JSValue copy = JS_NewArray(ctx);
    for (uint32_t i = from; i < to && i < len && !JS_IsException(copy); i++) {
        JSValue value = JS_GetPropertyUint32(ctx, argv[0], i);
        if (JS_IsException(value) ||
            JS_DefinePropertyValueUint32(ctx, copy, i - from, value, JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, copy);
            copy = JS_EXCEPTION;
        }
    }
    return copy;
}

/* (array, at, count): removes elements that all exist. */
JSValue fn_safe_array_remove(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    int64_t len;
    uint32_t at, count;
    if (argc < 3 || JS_GetLength(ctx, argv[0], &len) < 0 || JS_ToUint32(ctx, &at, argv[1]) < 0 ||
        JS_ToUint32(ctx, &count, argv[2]) < 0) {
        return JS_EXCEPTION;
    }
    for (int64_t i = at; i + count < len; i++) {
        JSValue value = JS_GetPropertyUint32(ctx, argv[0], (uint32_t)(i + count));
        if (JS_IsException(value) || JS_SetPropertyUint32(ctx, argv[0], (uint32_t)i, value) < 0) {
            return JS_EXCEPTION;
        }
    }
    int64_t rest = len - count > at ? len - count : (int64_t)at < len ? (int64_t)at : len;
    return JS_SetLength(ctx, argv[0], rest) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}
