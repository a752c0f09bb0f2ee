/* Creates the Web APIs in the zygote, and resets after the fork what must differ in each worker.
 */
#include "web/web.h"
#include "web/builtin_exports.h"
#include "web/crypto/web_crypto.h"
#include "web/encoding/text_coders.h"
#include "web/fetch/fetch.h"
#include "web/fetch/host.h"
#include "web/html/html.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/class_of.h"
#include "web/idl/idl.h"
#include "web/idl/intrinsics.h"
#include "web/idl/lazy.h"
#include "web/idl/memory.h"
#include "web/performance/performance.h"
#include "web/streams/compression.h"
#include "web/url/url.h"

/* Frees what a hook returned: undefined when there is no listener, otherwise whether a listener
 * cancelled the event. An exception of a listener was reported where the listener was called. */
static fn_event_outcome outcome_of(JSContext *ctx, JSValue result) {
    if (JS_IsException(result)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        return FN_EVENT_NO_LISTENER;
    }
    fn_event_outcome outcome = JS_IsUndefined(result)       ? FN_EVENT_NO_LISTENER
                               : JS_ToBool(ctx, result) > 0 ? FN_EVENT_CANCELLED
                                                            : FN_EVENT_DISPATCHED;
    JS_FreeValue(ctx, result);
    return outcome;
}

bool fn_web_report_error(JSContext *ctx, JSValueConst error) {
    return outcome_of(ctx, fn_hook(ctx, "reportException", 1, &error)) == FN_EVENT_CANCELLED;
}

fn_event_outcome fn_web_report_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason,
                                         bool handled) {
    JSValueConst args[] = {promise, reason, JS_NewBool(ctx, handled)};
    return outcome_of(ctx, fn_hook(ctx, "promiseEvent", 3, args));
}

/* Globals that are created on first use; see idl/lazy.c. */
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

static int define_native(JSContext *ctx) {
    static int (*const inits[])(JSContext *) = {
        fn_headers_init,        fn_url_init,
        fn_params_init,         fn_encoder_init,
        fn_decoder_init,        fn_timers_init,
        fn_crypto_init,         fn_body_init,
        fn_host_body_init,      fn_request_init_class,
        fn_response_init,       fn_stream_source_init,
        fn_globals_init,        fn_builtin_exports_init,
        fn_crypto_exports_init, fn_compression_init,
    };
    for (int i = 0; i < FN_COUNT(inits); i++) {
        if (inits[i](ctx) < 0) {
            return -1;
        }
    }
    return 0;
}

int fn_web_init(JSContext *ctx, const fn_web_host *host) {
    fn_fetch_host = host;
    fn_performance_after_fork();
    return fn_memory_init(JS_GetRuntime(ctx)) < 0 || fn_intrinsics_init(ctx) < 0 ||
                   fn_class_of_init(ctx) < 0 || define_native(ctx) < 0 ||
                   fn_hooks_load(ctx, "web.js") < 0 || define_globals(ctx) < 0 ||
                   fn_performance_init(ctx) < 0
               ? -1
               : 0;
}

int fn_web_after_fork(JSContext *ctx) {
    (void)ctx;
    fn_performance_after_fork();
    return 0;
}

JSValue fn_web_asset_function(JSContext *ctx, const char *name) {
    return fn_lazy_export(ctx, "fetch/assets.js", name);
}
