/* Makes the Web APIs in the template, and what must differ in each worker after the fork. */
#include "web/internal.h"

fn_web_state fn_web;

JSValue fn_hook(JSContext *ctx, const char *name, int argc, JSValueConst *argv) {
    JSValue hook = JS_GetPropertyStr(ctx, fn_web.hooks, name);
    if (JS_IsException(hook)) {
        return hook;
    }
    JSValue result = JS_Call(ctx, hook, JS_UNDEFINED, argc, argv);
    JS_FreeValue(ctx, hook);
    return result;
}

/* Takes over what a hook gave: undefined where nobody listens, else whether a listener took it on
 * itself. What a listener throws was reported where it was called. */
static fn_told told(JSContext *ctx, JSValue result) {
    if (JS_IsException(result)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        return FN_UNHEARD;
    }
    fn_told answer = JS_IsUndefined(result)       ? FN_UNHEARD
                     : JS_ToBool(ctx, result) > 0 ? FN_TAKEN
                                                  : FN_HEARD;
    JS_FreeValue(ctx, result);
    return answer;
}

bool fn_web_report_error(JSContext *ctx, JSValueConst error) {
    return told(ctx, fn_hook(ctx, "reportException", 1, &error)) == FN_TAKEN;
}

fn_told fn_web_report_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason,
                                bool handled) {
    JSValueConst args[] = {promise, reason, JS_NewBool(ctx, handled)};
    return told(ctx, fn_hook(ctx, "promiseEvent", 3, args));
}

/* %IteratorPrototype%, by way of an array's iterator. */
static int find_iterator_proto(JSContext *ctx) {
    JSValue array = JS_NewArray(ctx);
    JSValue method = JS_GetProperty(ctx, array, fn_web.symbol_iterator);
    JSValue iterator = JS_Call(ctx, method, array, 0, NULL);
    JSValue proto = JS_GetPrototype(ctx, iterator);
    fn_web.iterator_proto = JS_GetPrototype(ctx, proto);
    JS_FreeValue(ctx, proto);
    JS_FreeValue(ctx, iterator);
    JS_FreeValue(ctx, method);
    JS_FreeValue(ctx, array);
    return JS_IsObject(fn_web.iterator_proto) ? 0 : -1;
}

static int find_symbol_iterator(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue symbols = JS_GetPropertyStr(ctx, global, "Symbol");
    JSValue symbol = JS_GetPropertyStr(ctx, symbols, "iterator");
    fn_web.symbol_iterator = JS_ValueToAtom(ctx, symbol);
    JS_FreeValue(ctx, symbol);
    JS_FreeValue(ctx, symbols);
    JS_FreeValue(ctx, global);
    return fn_web.symbol_iterator == JS_ATOM_NULL ? -1 : 0;
}

/* What C keeps for as long as the context lives hangs on an object that its class's slot holds. */
static int keep(JSContext *ctx) {
    static const JSClassDef definition = {"Keep", .finalizer = NULL};
    static JSClassID id;
    JS_NewClassID(JS_GetRuntime(ctx), &id);
    if (JS_NewClass(JS_GetRuntime(ctx), id, &definition) < 0) {
        return -1;
    }
    JSValue kept = JS_NewObjectProto(ctx, JS_NULL);
    if (JS_IsException(kept)) {
        return -1;
    }
    JS_SetClassProto(ctx, id, kept);
    fn_web.prototype = JS_NewAtom(ctx, "prototype");
    if (fn_web.prototype == JS_ATOM_NULL || find_symbol_iterator(ctx) < 0 ||
        find_iterator_proto(ctx) < 0 ||
        JS_SetPropertyStr(ctx, kept, "iterator", fn_web.iterator_proto) < 0 ||
        fn_getters_init(ctx, kept) < 0 || fn_kinds_init(ctx) < 0) {
        return -1;
    }
    /* Atoms that the context's own objects name for as long as it lives. */
    JS_FreeAtom(ctx, fn_web.prototype);
    JS_FreeAtom(ctx, fn_web.symbol_iterator);
    fn_web.slot_reader = JS_NewSlot(ctx, "_reader");
    fn_web.slot_disturbed = JS_NewSlot(ctx, "_disturbed");
    if (fn_web.slot_reader == JS_ATOM_NULL || fn_web.slot_disturbed == JS_ATOM_NULL) {
        return -1;
    }
    JS_FreeAtom(ctx, fn_web.slot_reader); /* the runtime's */
    JS_FreeAtom(ctx, fn_web.slot_disturbed);
    return 0;
}

static int define_native(JSContext *ctx) {
    static int (*const inits[])(JSContext *) = {
        fn_pairs_init,   fn_headers_init,       fn_url_init,           fn_params_init,
        fn_encoder_init, fn_decoder_init,       fn_timers_init,        fn_crypto_init,
        fn_feed_init,    fn_request_init_class, fn_response_init,      fn_pump_init,
        fn_globals_init, fn_native_init,        fn_crypto_native_init, fn_compression_init,
    };
    for (int i = 0; i < FN_COUNT(inits); i++) {
        if (inits[i](ctx) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Runs web.js, which brings the modules that are not lazy, and keeps what it exports for C to call.
 */
static int run_modules(JSContext *ctx) {
    JSModuleDef *definition = fn_module_load(ctx, "web.js");
    if (definition == NULL) {
        return -1;
    }
    fn_web.hooks = JS_GetModuleNamespace(ctx, definition);
    if (JS_IsException(fn_web.hooks)) {
        return -1;
    }
    JS_FreeValue(ctx, fn_web.hooks); /* the module holds it */
    return 0;
}

int fn_web_init(JSContext *ctx, const fn_web_host *host) {
    fn_web = (fn_web_state){.host = host,
                            .rt = JS_GetRuntime(ctx),
                            .hooks = JS_UNDEFINED,
                            .performance = JS_UNDEFINED,
                            .iterator_proto = JS_UNDEFINED};
    return fn_memory_init() < 0 || fn_performance_after_fork() < 0 || keep(ctx) < 0 ||
                   define_native(ctx) < 0 || run_modules(ctx) < 0 || fn_lazy_init(ctx) < 0 ||
                   fn_performance_init(ctx) < 0
               ? -1
               : 0;
}

int fn_web_after_fork(JSContext *ctx) {
    (void)ctx;
    return fn_performance_after_fork();
}
