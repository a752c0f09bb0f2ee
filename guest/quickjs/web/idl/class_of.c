/* The kind of an object by its class in the engine, which no script can forge. */
#include "web/idl/class_of.h"

static JSClassID class_ids[FN_CLASS_COUNT];
static JSClassID plain; /* of `{}` */

static JSValue sample(JSContext *ctx, fn_class class) {
    static uint8_t byte;
    JSValue value;
    switch (class) {
    case FN_CLASS_ARRAY_BUFFER:
        return JS_NewArrayBufferCopy(ctx, &byte, 1);
    case FN_CLASS_SHARED_BUFFER:
        return JS_NewArrayBuffer(ctx, &byte, 1, 0, NULL, NULL, true);
    case FN_CLASS_EXCEPTION:
        JS_ThrowDOMException(ctx, "Error", "a sample");
        return JS_GetException(ctx);
    case FN_CLASS_BOOLEAN:
        value = JS_TRUE;
        break;
    case FN_CLASS_NUMBER:
        value = JS_NewInt32(ctx, 1);
        break;
    case FN_CLASS_STRING:
        value = JS_NewString(ctx, "a sample");
        break;
    case FN_CLASS_SYMBOL:
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

int fn_class_of_init(JSContext *ctx) {
    for (int class = 0; class < FN_CLASS_COUNT; class++) {
        JSValue object = sample(ctx, (fn_class)class);
        class_ids[class] = JS_GetClassID(object);
        JS_FreeValue(ctx, object);
        if (class_ids[class] == JS_INVALID_CLASS_ID) {
            return -1;
        }
    }
    JSValue object = JS_NewObject(ctx);
    plain = JS_GetClassID(object);
    JS_FreeValue(ctx, object);
    return 0;
}

bool fn_is_class(JSValueConst value, fn_class class) {
    return JS_GetClassID(value) == class_ids[class];
}

static const char *boxed(JSClassID id) {
    static const char *const names[] = {
        [FN_CLASS_ARRAY_BUFFER] = "ArrayBuffer",
        [FN_CLASS_SHARED_BUFFER] = "SharedArrayBuffer",
        [FN_CLASS_BOOLEAN] = "Boolean",
        [FN_CLASS_NUMBER] = "Number",
        [FN_CLASS_STRING] = "String",
        [FN_CLASS_SYMBOL] = "Symbol",
        [FN_CLASS_BIGINT] = "BigInt",
        [FN_CLASS_EXCEPTION] = "DOMException",
    };
    for (int class = 0; class < FN_CLASS_COUNT; class++) {
        if (class_ids[class] == id) {
            return names[class];
        }
    }
    return NULL;
}

const char *fn_class_of(JSContext *ctx, JSValueConst value) {
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
