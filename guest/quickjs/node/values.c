/* fn:values: what only the engine knows of a value, and values that only it can make. The sources
 * of Node's modules use it. */
#include "node/node.h"

#include "web/idl/class_of.h"

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

const JSCFunctionListEntry fn_value_functions[] = {
    JS_CFUNC_DEF("classOf", 1, class_of),
    JS_CFUNC_DEF("hide", 1, hide),
};
const int fn_value_function_count = sizeof(fn_value_functions) / sizeof(fn_value_functions[0]);
