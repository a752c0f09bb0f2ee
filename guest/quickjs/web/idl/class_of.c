/* What sort of object a value is, by its class in the engine: nothing a script can forge. */
#include "web/idl/class_of.h"

static JSClassID kinds[FN_KIND_COUNT];
static JSClassID plain; /* of `{}` */

static JSValue sample(JSContext *ctx, fn_kind kind) {
    static uint8_t byte;
    JSValue value;
    switch (kind) {
    case FN_KIND_ARRAY_BUFFER:
        return JS_NewArrayBufferCopy(ctx, &byte, 1);
    case FN_KIND_SHARED_BUFFER:
        return JS_NewArrayBuffer(ctx, &byte, 1, 0, NULL, NULL, true);
    case FN_KIND_EXCEPTION:
        JS_ThrowDOMException(ctx, "Error", "a sample");
        return JS_GetException(ctx);
    case FN_KIND_BOOLEAN:
        value = JS_TRUE;
        break;
    case FN_KIND_NUMBER:
        value = JS_NewInt32(ctx, 1);
        break;
    case FN_KIND_STRING:
        value = JS_NewString(ctx, "a sample");
        break;
    case FN_KIND_SYMBOL:
        value = JS_NewSymbol(ctx, "a sample", false);
        break;
    default:
        value = JS_NewBigInt64(ctx, 1);
        break;
    }
    JSValue object = JS_ToObject(ctx, value);
    JS_FreeValue(ctx, value);
    return object;
}

int fn_kinds_init(JSContext *ctx) {
    for (int kind = 0; kind < FN_KIND_COUNT; kind++) {
        JSValue object = sample(ctx, (fn_kind)kind);
        kinds[kind] = JS_GetClassID(object);
        JS_FreeValue(ctx, object);
        if (kinds[kind] == JS_INVALID_CLASS_ID) {
            return -1;
        }
    }
    JSValue object = JS_NewObject(ctx);
    plain = JS_GetClassID(object);
    JS_FreeValue(ctx, object);
    return 0;
}

bool fn_is_kind(JSValueConst value, fn_kind kind) {
    return JS_GetClassID(value) == kinds[kind];
}

static const char *boxed(JSClassID id) {
    static const char *const names[] = {
        [FN_KIND_ARRAY_BUFFER] = "ArrayBuffer",
        [FN_KIND_SHARED_BUFFER] = "SharedArrayBuffer",
        [FN_KIND_BOOLEAN] = "Boolean",
        [FN_KIND_NUMBER] = "Number",
        [FN_KIND_STRING] = "String",
        [FN_KIND_SYMBOL] = "Symbol",
        [FN_KIND_BIGINT] = "BigInt",
        [FN_KIND_EXCEPTION] = "DOMException",
    };
    for (int kind = 0; kind < FN_KIND_COUNT; kind++) {
        if (kinds[kind] == id) {
            return names[kind];
        }
    }
    return NULL;
}

const char *fn_kind_of(JSContext *ctx, JSValueConst value) {
    if (!JS_IsObject(value)) {
        return "";
    }
    if (JS_IsProxy(value)) {
        return "Proxy";
    }
    if (JS_GetClassID(value) == plain) {
        return "Object";
    }
    if (JS_IsFunction(ctx, value)) {
        return "Function";
    }
    const char *name = JS_IsArray(value)                  ? "Array"
                       : JS_IsError(value)                ? "Error"
                       : JS_IsMap(value)                  ? "Map"
                       : JS_IsSet(value)                  ? "Set"
                       : JS_IsDate(value)                 ? "Date"
                       : JS_IsRegExp(value)               ? "RegExp"
                       : JS_IsPromise(value)              ? "Promise"
                       : JS_GetTypedArrayType(value) >= 0 ? "TypedArray"
                       : JS_IsDataView(value)             ? "DataView"
                       : JS_IsWeakMap(value)              ? "WeakMap"
                       : JS_IsWeakSet(value)              ? "WeakSet"
                       : JS_IsWeakRef(value)              ? "WeakRef"
                                                          : boxed(JS_GetClassID(value));
    return name != NULL ? name : "Other";
}
