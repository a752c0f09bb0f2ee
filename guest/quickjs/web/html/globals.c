/* Functions and small objects of the global scope. */
#include "core/host.h"
#include "web/html/html.h"
#include "web/idl/idl.h"

static JSValue microtask(JSContext *ctx, int argc, JSValueConst *argv) {
    (void)argc;
    JSValue result = JS_Call(ctx, argv[0], JS_UNDEFINED, 0, NULL);
    if (!JS_IsException(result)) {
        return result;
    }
    JSValue error = JS_GetException(ctx);
    if (JS_IsUncatchableError(error)) {
        return JS_Throw(ctx, error);
    }
    fn_host_report_error(ctx, error);
    JS_FreeValue(ctx, error);
    return JS_UNDEFINED;
}

static JSValue queue_microtask(JSContext *ctx, JSValueConst this_val, int argc,
                               JSValueConst *argv) {
    (void)this_val;
    if (fn_idl_need(ctx, "queueMicrotask", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    if (!JS_IsFunction(ctx, argv[0])) {
        return JS_ThrowTypeError(ctx, "queueMicrotask: the callback is not a function");
    }
    return JS_EnqueueJob(ctx, microtask, 1, argv) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static JSValue report_error(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    if (fn_idl_need(ctx, "reportError", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    fn_host_report_error(ctx, argv[0]);
    return JS_UNDEFINED;
}

/* The engine's function, with WebIDL's check of the number of arguments. */
static JSValue base64(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                      int magic, JSValueConst *engine) {
    (void)this_val;
    if (fn_idl_need(ctx, magic ? "btoa" : "atob", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    return JS_Call(ctx, engine[0], JS_UNDEFINED, 1, argv);
}

static int define_base64(JSContext *ctx, JSValueConst global, const char *name, int magic) {
    JSValue engine = JS_GetPropertyStr(ctx, global, name);
    JSValue function = JS_IsException(engine)
                           ? JS_EXCEPTION
                           : JS_NewCFunctionData2(ctx, base64, name, 1, magic, 1, &engine);
    JS_FreeValue(ctx, engine);
    return JS_IsException(function)
               ? -1
               : JS_DefinePropertyValueStr(ctx, global, name, function, JS_PROP_C_W_E);
}

static JSValue get_self(JSContext *ctx, JSValueConst this_val) {
    (void)this_val;
    return JS_GetGlobalObject(ctx);
}

static JSValue set_self(JSContext *ctx, JSValueConst this_val, JSValueConst value) {
    (void)this_val;
    return fn_idl_replace(ctx, "self", value) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    FN_METHOD("queueMicrotask", 1, queue_microtask),
    FN_METHOD("reportError", 1, report_error),
    FN_ATTRIBUTE("self", get_self, set_self),
};

/* Removes the engine's own function, which does not report errors: a lazy property cannot replace
 * an existing one. */
static int remove_engine_function(JSContext *ctx, JSValueConst global) {
    JSAtom name = JS_NewAtom(ctx, "queueMicrotask");
    int err = name == JS_ATOM_NULL ? -1 : JS_DeleteProperty(ctx, global, name, 0);
    JS_FreeAtom(ctx, name);
    return err < 0 ? -1 : 0;
}

int fn_globals_init(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx);
    int err = remove_engine_function(ctx, global) < 0 || JS_AddIntrinsicAToB(ctx) < 0 ||
                      define_base64(ctx, global, "atob", 0) < 0 ||
                      define_base64(ctx, global, "btoa", 1) < 0 ||
                      JS_SetPropertyFunctionList(ctx, global, functions, FN_COUNT(functions)) < 0
                  ? -1
                  : 0;
    JS_FreeValue(ctx, global);
    return err;
}
