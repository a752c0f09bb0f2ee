/* fn:values: what only the engine knows of a value, and values that only it can make. The sources
 * of Node's modules use it. */
#include "node/node.h"

#include "web/idl/class_of.h"
#include "web/idl/promises.h"

/* The engine's class of an object, such as "Map" or "Proxy", which no script can forge. */
static JSValue class_of(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    return JS_NewString(ctx, fn_class_of(ctx, argv[0]));
}

/* Makes `typeof` of a function say undefined, and the function falsy. A call works as before. */
static JSValue hide(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    if (!JS_IsFunction(ctx, argv[0])) {
        return JS_ThrowTypeError(ctx, "hide takes a function");
    }
    JS_SetIsHTMLDDA(ctx, argv[0]);
    return JS_UNDEFINED;
}

/* Target and handler of a proxy; null twice if it was revoked. Undefined for other values. */
static JSValue proxy_parts(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    if (!JS_IsProxy(argv[0])) {
        return JS_UNDEFINED;
    }
    JSValue parts[] = {JS_GetProxyTarget(ctx, argv[0]), JS_GetProxyHandler(ctx, argv[0])};
    for (int i = 0; i < 2; i++) {
        if (JS_IsException(parts[i])) {
            JS_FreeValue(ctx, JS_GetException(ctx)); /* the proxy was revoked */
            parts[i] = JS_NULL;
        }
    }
    return JS_NewArrayFrom(ctx, 2, parts);
}

/* What an iterator of a Map or Set has still to give, and whether these are keys and values by
 * turns.
 */
static JSValue peek_iterator(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    bool is_key_value;
    JSValue list = JS_PeekMapIterator(ctx, argv[0], &is_key_value);
    if (!JS_IsObject(list)) {
        return list;
    }
    JSValue parts[] = {list, JS_NewBool(ctx, is_key_value)};
    return JS_NewArrayFrom(ctx, 2, parts);
}

const JSCFunctionListEntry fn_value_functions[] = {
    JS_CFUNC_DEF("classOf", 1, class_of),
    JS_CFUNC_DEF("hide", 1, hide),
    JS_CFUNC_DEF("peekIterator", 1, peek_iterator),
    JS_CFUNC_DEF("promiseResult", 1, fn_promise_result),
    JS_CFUNC_DEF("proxyParts", 1, proxy_parts),
};
const int fn_value_function_count = sizeof(fn_value_functions) / sizeof(fn_value_functions[0]);
