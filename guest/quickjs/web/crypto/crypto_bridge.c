/* Between the keys of node:crypto and of Web Cryptography, whose modules are loaded on first use.
 */
#include "web/crypto/crypto.h"
#include "web/idl/idl.h"
#include "web/idl/lazy.h"

static JSValue call(JSContext *ctx, const char *file, const char *name, int argc,
                    JSValueConst *argv) {
    JSValue function = fn_lazy_export(ctx, file, name);
    if (JS_IsException(function)) {
        return function;
    }
    JSValue result = JS_Call(ctx, function, JS_UNDEFINED, argc, argv);
    JS_FreeValue(ctx, function);
    return result;
}

/* (format, data, algorithm, extractable, usages): a CryptoKey, at once. */
static JSValue web_import(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    return call(ctx, "crypto/crypto-subtle.js", "importNow", argc, argv);
}

/* (value): what a CryptoKey consists of; undefined for another value. */
static JSValue web_parts(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    return call(ctx, "crypto/crypto-key.js", "partsOf", argc, argv);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("webImport", 5, web_import),
    JS_CFUNC_DEF("webParts", 1, web_parts),
};
const fn_functions fn_bridge_functions = {functions, FN_COUNT(functions)};
