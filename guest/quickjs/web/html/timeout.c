/* The class of timers: ref, unref, refresh and close, as Node has them, and the timer's number. */
#include "web/html/timeout.h"
#include "web/idl/idl.h"

static JSClassID class_id;

static void release(JSRuntime *rt, fn_timeout *timeout) {
    JSValue func = timeout->func;
    int argc = timeout->argc;
    timeout->func = JS_UNDEFINED;
    timeout->argc = 0;
    JS_FreeValueRT(rt, func);
    for (int i = 0; i < argc; i++) {
        JS_FreeValueRT(rt, timeout->argv[i]);
    }
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_timeout *timeout = JS_GetOpaque(value, class_id);
    if (timeout != NULL) {
        release(rt, timeout);
        js_free_rt(rt, timeout);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    fn_timeout *timeout = JS_GetOpaque(value, class_id);
    if (timeout != NULL) {
        JS_MarkValue(rt, timeout->func, mark_func);
        for (int i = 0; i < timeout->argc; i++) {
            JS_MarkValue(rt, timeout->argv[i], mark_func);
        }
    }
}

JSValue fn_timeout_new(JSContext *ctx, JSValue func, int argc, JSValueConst *argv,
                       fn_timeout **timeout) {
    JSValue object = JS_NewObjectClass(ctx, class_id);
    fn_timeout *t =
        JS_IsException(object) ? NULL : js_malloc(ctx, sizeof(*t) + (size_t)argc * sizeof(JSValue));
    if (t == NULL) {
        JS_FreeValue(ctx, object);
        JS_FreeValue(ctx, func);
        return JS_EXCEPTION;
    }
    *t = (fn_timeout){.counts = true, .func = func, .argc = argc};
    for (int i = 0; i < argc; i++) {
        t->argv[i] = JS_DupValue(ctx, argv[i]);
    }
    JS_SetOpaque(object, t);
    *timeout = t;
    return object;
}

fn_timeout *fn_timeout_of(JSValueConst value) {
    return JS_GetOpaque(value, class_id);
}

void fn_timeout_clear(JSContext *ctx, fn_timeout *timeout) {
    release(JS_GetRuntime(ctx), timeout);
}

static fn_timeout *this_timeout(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id);
}

/* A worker does not end while timers are set, and does not stay for them: this changes nothing. */
static JSValue set_counts(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int counts) {
    (void)argc;
    (void)argv;
    fn_timeout *timeout = this_timeout(ctx, this_val);
    if (timeout == NULL) {
        return JS_EXCEPTION;
    }
    timeout->counts = counts != 0;
    return JS_DupValue(ctx, this_val);
}

static JSValue has_ref(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_timeout *timeout = this_timeout(ctx, this_val);
    return timeout == NULL ? JS_EXCEPTION : JS_NewBool(ctx, timeout->counts);
}

static JSValue refresh(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_timeout *timeout = this_timeout(ctx, this_val);
    if (timeout == NULL || fn_timer_refresh(ctx, timeout) < 0) {
        return JS_EXCEPTION;
    }
    return JS_DupValue(ctx, this_val);
}

static JSValue close_this(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int returns) {
    (void)argc;
    (void)argv;
    fn_timeout *timeout = this_timeout(ctx, this_val);
    if (timeout == NULL) {
        return JS_EXCEPTION;
    }
    fn_timer_close(ctx, timeout);
    return returns ? JS_DupValue(ctx, this_val) : JS_UNDEFINED;
}

static JSValue to_primitive(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_timeout *timeout = this_timeout(ctx, this_val);
    return timeout == NULL ? JS_EXCEPTION : JS_NewUint32(ctx, timeout->id);
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    (void)new_target;
    (void)argc;
    (void)argv;
    return JS_ThrowTypeError(ctx, "Illegal constructor");
}

static const JSCFunctionListEntry members[] = {
    JS_CFUNC_MAGIC_DEF("ref", 0, set_counts, true),
    JS_CFUNC_MAGIC_DEF("unref", 0, set_counts, false),
    JS_CFUNC_DEF("hasRef", 0, has_ref),
    JS_CFUNC_DEF("refresh", 0, refresh),
    JS_CFUNC_MAGIC_DEF("close", 0, close_this, true),
    JS_CFUNC_DEF("[Symbol.toPrimitive]", 0, to_primitive),
    JS_CFUNC_MAGIC_DEF("[Symbol.dispose]", 0, close_this, false),
};

int fn_timeout_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"Timeout", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    /* No global: its prototype has the constructor. */
    JSValue constructor = fn_idl_make(ctx, &interface);
    JS_FreeValue(ctx, constructor);
    return JS_IsException(constructor) ? -1 : 0;
}
