/* The clock of the High Resolution Time standard (https://w3c.github.io/hr-time/); the rest is JS.
 */
#include "web/performance/performance.h"
#include "web/idl/idl.h"
#include "web/idl/lazy.h"
#include "web/performance/clock.h"
#include <time.h>

static struct {
    uint64_t origin_ns; /* monotonic */
    double origin_ms;   /* since the epoch */
    uint64_t grain_us;  /* resolution that scripts see; 0: that of the standard */
} clock_state;

static JSValue performance; /* undefined until it is first read; its module holds it */

static uint64_t now_ns(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void fn_performance_after_fork(void) {
    clock_state.origin_ns = now_ns(CLOCK_MONOTONIC);
    clock_state.origin_ms = (double)(now_ns(CLOCK_REALTIME) / 1000u) / 1000.0;
}

void fn_web_coarsen_clock(uint64_t grain_us) {
    clock_state.grain_us = grain_us;
}

double fn_performance_now(void) {
    uint64_t us = (now_ns(CLOCK_MONOTONIC) - clock_state.origin_ns) / 1000u;
    if (clock_state.grain_us != 0) {
        us -= us % clock_state.grain_us;
    }
    return (double)us / 1000.0;
}

double fn_performance_time_origin(void) {
    return clock_state.origin_ms;
}

/* Whether `this` is the global scope, or undefined, which means the same. */
static bool is_scope(JSContext *ctx, JSValueConst value) {
    JSValue global = JS_GetGlobalObject(ctx);
    bool is = JS_IsUndefined(value) || JS_IsNull(value) || JS_IsStrictEqual(ctx, value, global);
    JS_FreeValue(ctx, global);
    return is;
}

/* The module that creates the object owns it. */
static JSValue get_performance(JSContext *ctx, JSValueConst this_val) {
    if (!is_scope(ctx, this_val)) {
        return JS_ThrowTypeError(ctx, "Illegal invocation");
    }
    if (!JS_IsUndefined(performance)) {
        return JS_DupValue(ctx, performance);
    }
    JSValue made = fn_lazy_export(ctx, "performance/performance.js", "performance");
    if (!JS_IsException(made)) {
        performance = made;
    }
    return made;
}

static JSValue set_performance(JSContext *ctx, JSValueConst this_val, JSValueConst value) {
    if (!is_scope(ctx, this_val)) {
        return JS_ThrowTypeError(ctx, "Illegal invocation");
    }
    return fn_idl_replace(ctx, "performance", value) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static const JSCFunctionListEntry attributes[] = {
    FN_ATTRIBUTE("performance", get_performance, set_performance),
};

int fn_performance_init(JSContext *ctx) {
    performance = JS_UNDEFINED;
    JSValue global = JS_GetGlobalObject(ctx);
    int err = JS_SetPropertyFunctionList(ctx, global, attributes, FN_COUNT(attributes));
    JS_FreeValue(ctx, global);
    return err;
}
