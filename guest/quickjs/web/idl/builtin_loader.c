/* Runs built-in JS modules: those that web.js imports in the zygote, the lazy ones (lazy.c) in
 * the worker. A module that fails is dropped, so that it can be loaded again. */
#include "web/idl/builtin_loader.h"
#include "core/host.h"

static JSValue hooks; /* namespace of the module that fn_hooks_load ran, which owns it */

JSValue fn_hook(JSContext *ctx, const char *name, int argc, JSValueConst *argv) {
    JSValue hook = JS_GetPropertyStr(ctx, hooks, name);
    if (JS_IsException(hook)) {
        return hook;
    }
    JSValue result = JS_Call(ctx, hook, JS_UNDEFINED, argc, argv);
    JS_FreeValue(ctx, hook);
    return result;
}

/* Reads the module and what it imports; runs nothing. */
static JSValue read_module(JSContext *ctx, const char *file) {
    size_t len;
    const uint8_t *bytecode = fn_host_builtin(file, &len);
    if (bytecode == NULL) {
        return JS_ThrowInternalError(ctx, "built-in module '%s' does not exist", file);
    }
    /* Built-ins can be imported only here: no code of the bundle runs before this is off again. */
    fn_host_imports(ctx, true);
    JSValue module = JS_ReadObject(ctx, bytecode, len, fn_host_builtin_flags(file));
    if (!JS_IsException(module) && JS_ResolveModule(ctx, module) < 0) {
        JS_FreeValue(ctx, module);
        module = JS_EXCEPTION;
    }
    fn_host_imports(ctx, false);
    return module;
}

/* Takes over `module`. */
static int evaluate(JSContext *ctx, JSValue module) {
    JSValue promise = JS_EvalFunction(ctx, module);
    if (JS_IsException(promise)) {
        return -1;
    }
    JSPromiseStateEnum state = JS_PromiseState(ctx, promise);
    if (state == JS_PROMISE_REJECTED) {
        JS_PromiseMarkAsHandled(ctx, promise);
        JS_Throw(ctx, JS_PromiseResult(ctx, promise));
    } else if (state == JS_PROMISE_PENDING && !JS_HasException(ctx)) {
        JS_ThrowOutOfMemory(ctx); /* no built-in awaits, so only this leaves it pending */
    }
    JS_FreeValue(ctx, promise);
    return state == JS_PROMISE_FULFILLED ? 0 : -1;
}

JSModuleDef *fn_builtin_load(JSContext *ctx, const char *file) {
    JSModuleDef *found = JS_FindModule(ctx, file);
    if (found != NULL || JS_HasException(ctx)) {
        return found;
    }
    JSRuntime *rt = JS_GetRuntime(ctx);
    const JSModuleDef *last = JS_LastModule(ctx);
    /* State that a built-in creates belongs to no invocation, not even to the first that needs it.
     */
    JSValue outer = JS_GetAsyncContext(rt);
    JS_SetAsyncContext(rt, JS_UNDEFINED);
    JSValue module = read_module(ctx, file);
    /* The context's module list owns it; the value does not. */
    JSModuleDef *definition = JS_IsException(module) ? NULL : JS_VALUE_GET_PTR(module);
    bool failed = definition == NULL || evaluate(ctx, module) < 0;
    JS_SetAsyncContext(rt, outer);
    if (failed) {
        JS_DropUnfinishedModules(ctx, last);
        return NULL;
    }
    return definition;
}

int fn_hooks_load(JSContext *ctx, const char *file) {
    hooks = JS_UNDEFINED;
    JSModuleDef *definition = fn_builtin_load(ctx, file);
    JSValue exports = definition == NULL ? JS_EXCEPTION : JS_GetModuleNamespace(ctx, definition);
    if (JS_IsException(exports)) {
        return -1;
    }
    hooks = exports;
    JS_FreeValue(ctx, exports); /* the module holds it */
    return 0;
}
