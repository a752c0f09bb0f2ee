/* The clock of the High Resolution Time standard: https://w3c.github.io/hr-time/ */
#include "internal.h"

#include <time.h>

static struct {
    uint64_t origin_ns; /* monotonic */
    double origin_ms;   /* since the epoch */
} clock_state;

static uint64_t now_ns(clockid_t id) {
    struct timespec time;
    clock_gettime(id, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int fn_performance_after_fork(void) {
    clock_state.origin_ns = now_ns(CLOCK_MONOTONIC);
    clock_state.origin_ms = (double)(now_ns(CLOCK_REALTIME) / 1000u) / 1000.0;
    return 0;
}

double fn_performance_now(void) {
    return (double)((now_ns(CLOCK_MONOTONIC) - clock_state.origin_ns) / 1000u) / 1000.0;
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    (void)new_target;
    (void)argc;
    (void)argv;
    return JS_ThrowTypeError(ctx, "Illegal constructor");
}

static JSValue now(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    return JS_GetOpaque2(ctx, this_val, fn_web.performance) == NULL
               ? JS_EXCEPTION
               : JS_NewFloat64(ctx, fn_performance_now());
}

static JSValue get_time_origin(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, fn_web.performance) == NULL
               ? JS_EXCEPTION
               : JS_NewFloat64(ctx, clock_state.origin_ms);
}

static JSValue to_json(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    JSValue origin = get_time_origin(ctx, this_val);
    JSValue result = JS_IsException(origin) ? JS_EXCEPTION : JS_NewObject(ctx);
    if (!JS_IsException(result) &&
        JS_DefinePropertyValueStr(ctx, result, "timeOrigin", origin, JS_PROP_C_W_E) < 0) {
        JS_FreeValue(ctx, result);
        return JS_EXCEPTION;
    }
    return result;
}

static const JSCFunctionListEntry members[] = {
    FN_METHOD("now", 0, now),
    FN_GETTER("timeOrigin", get_time_origin),
    FN_METHOD("toJSON", 0, to_json),
    FN_TAG("Performance"),
};

int fn_performance_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &fn_web.performance,
        .class_def = {"Performance"},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    fn_performance_after_fork();
    return fn_idl_define(ctx, &interface) < 0
               ? -1
               : fn_idl_singleton(ctx, fn_web.performance, "performance");
}
