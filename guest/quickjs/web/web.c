/* Makes the Web APIs in the template, and what must differ in each worker after the fork. */
#include "web/internal.h"

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

/* The globals that are made when they are first named; idl/lazy.c says how. */
static const fn_lazy globals[] = {
    FN_LAZY_INTERFACE("CompressionStream", "streams/streams-compression.js"),
    FN_LAZY_INTERFACE("DecompressionStream", "streams/streams-compression.js"),
    FN_LAZY_INTERFACE("ErrorEvent", "html/error-events.js"),
    FN_LAZY_INTERFACE("FormData", "fetch/formdata.js"),
    FN_LAZY_INTERFACE("CryptoKey", "crypto/crypto-key.js"),
    FN_LAZY_INTERFACE("SubtleCrypto", "crypto/crypto-subtle.js"),
    FN_LAZY_INTERFACE("QuotaExceededError", "idl/quota-error.js"),
    FN_LAZY_INTERFACE("TextDecoderStream", "streams/streams-encoding.js"),
    FN_LAZY_INTERFACE("TextEncoderStream", "streams/streams-encoding.js"),
    FN_LAZY_INTERFACE("MessageChannel", "html/message.js"),
    FN_LAZY_INTERFACE("MessageEvent", "html/message-event.js"),
    FN_LAZY_INTERFACE("MessagePort", "html/message.js"),
    FN_LAZY_INTERFACE("Performance", "performance/performance.js"),
    FN_LAZY_INTERFACE("PerformanceEntry", "performance/performance-entries.js"),
    FN_LAZY_INTERFACE("PerformanceMark", "performance/performance-entries.js"),
    FN_LAZY_INTERFACE("PerformanceMeasure", "performance/performance-entries.js"),
    FN_LAZY_INTERFACE("PromiseRejectionEvent", "html/error-events.js"),
    FN_LAZY_JS("structuredClone", "html/transfer.js", NULL, JS_PROP_C_W_E),
    FN_LAZY_C("URLPattern", fn_url_pattern_make, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE),
    FN_LAZY_JS("fetch", "fetch/fetch.js", NULL, JS_PROP_C_W_E),
};

static int define_globals(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx);
    int err = fn_lazy_define(ctx, global, globals, FN_COUNT(globals));
    JS_FreeValue(ctx, global);
    return err;
}

static int init_pairs(JSContext *ctx) {
    return fn_pairs_init(ctx, fn_headers_pair_at, fn_params_pair_at);
}

static int define_native(JSContext *ctx) {
    static int (*const inits[])(JSContext *) = {
        init_pairs,      fn_headers_init,       fn_url_init,           fn_params_init,
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
                   define_native(ctx) < 0 || run_modules(ctx) < 0 || define_globals(ctx) < 0 ||
                   fn_performance_init(ctx) < 0
               ? -1
               : 0;
}

int fn_web_after_fork(JSContext *ctx) {
    (void)ctx;
    return fn_performance_after_fork();
}
