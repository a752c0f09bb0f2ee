/* setTimeout and setInterval on the worker's loop. Each timer keeps the async context in which it
 * was set. When its invocation has ended, it is background work; when that was stopped, it ends. */
#include "core/host.h"
#include "core/places.h"
#include "web/html/html.h"
#include "web/html/timeout.h"
#include "web/idl/idl.h"

#include <stddef.h>
#include <string.h>

#define MIN_BUCKETS 64

typedef struct timer {
    uv_timer_t handle;
    JSContext *ctx;
    uint32_t id;
    struct timer *next; /* in the same bucket */
    JSValue async;
    JSValue func;
    uint64_t interval;    /* ms; 0: runs once */
    uint64_t ran_at;      /* an interval: by uv_now; 0: not yet */
    fn_deferred deferred; /* due, but it may not run yet */
    fn_places places;     /* where it was set */
    bool closing;
    int argc;
    JSValue argv[];
} timer;

/* By id. There are as many buckets as the highest number of timers so far, up to a factor of two.
 */
static struct {
    timer **buckets;
    uint32_t size;
    uint32_t count;
    uint32_t sweep_at; /* at this count, timers of ended invocations are removed */
    uint32_t last_id;
} timers;

static timer **find(uint32_t id) {
    timer **link = &timers.buckets[id & (timers.size - 1)];
    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->next;
    }
    return link;
}

static void on_closed(uv_handle_t *handle) {
    timer *t = handle->data;
    js_free(t->ctx, t);
}

/* Removes a timer from the table and frees everything but its memory, which libuv still needs. */
static void close_timer(timer **link) {
    timer *t = *link;
    JSContext *ctx = t->ctx;
    *link = t->next;
    timers.count--;
    t->closing = true;
    fn_host_undefer(ctx, &t->deferred);
    fn_places_free(JS_GetRuntime(ctx), &t->places);
    JS_FreeValue(ctx, t->async);
    JS_FreeValue(ctx, t->func);
    for (int i = 0; i < t->argc; i++) {
        JS_FreeValue(ctx, t->argv[i]);
    }
    t->argc = 0;
    t->async = t->func = JS_UNDEFINED;
    uv_close((uv_handle_t *)&t->handle, on_closed);
}

void fn_timers_end(JSContext *ctx, bool all, fn_timer_ended *ended, void *opaque) {
    for (uint32_t i = 0; i < timers.size; i++) {
        for (timer **link = &timers.buckets[i]; *link != NULL;) {
            if (!all && fn_host_async_live(ctx, (*link)->async)) {
                link = &(*link)->next;
                continue;
            }
            /* The bundle's own are not what a request left behind. */
            if (ended != NULL && !JS_IsUndefined((*link)->async)) {
                ended(ctx, (*link)->async, &(*link)->places, opaque);
            }
            close_timer(link);
        }
    }
}

bool fn_timers_due(JSContext *ctx, uint64_t since, uint64_t until) {
    for (uint32_t i = 0; i < timers.size; i++) {
        for (const timer *t = timers.buckets[i]; t != NULL; t = t->next) {
            bool ran = t->interval > 0 && t->ran_at > since;
            uint64_t due = uv_now(t->handle.loop) + uv_timer_get_due_in(&t->handle);
            if (!ran && due <= until && !JS_IsUndefined(t->async) &&
                fn_host_async_live(ctx, t->async)) {
                return true;
            }
        }
    }
    return false;
}

bool fn_timers_wait(JSContext *ctx) {
    for (uint32_t i = 0; i < timers.size; i++) {
        for (const timer *t = timers.buckets[i]; t != NULL; t = t->next) {
            if (uv_timer_get_due_in(&t->handle) == 0 && fn_host_in_flight(ctx, t->async)) {
                return true;
            }
        }
    }
    return false;
}

static void sweep(JSContext *ctx) {
    fn_timers_end(ctx, false, NULL, NULL);
    timers.sweep_at = timers.count * 2 < MIN_BUCKETS ? MIN_BUCKETS : timers.count * 2;
}

/* Makes room for one more. */
static int reserve(JSContext *ctx) {
    if (timers.count >= timers.sweep_at && timers.size > 0) {
        sweep(ctx);
    }
    if (timers.count < timers.size) {
        return 0;
    }
    uint32_t size = timers.size == 0 ? MIN_BUCKETS : timers.size * 2;
    timer **buckets = js_calloc(ctx, size, sizeof(*buckets));
    if (buckets == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < timers.size; i++) {
        for (timer *t = timers.buckets[i], *next; t != NULL; t = next) {
            next = t->next;
            t->next = buckets[t->id & (size - 1)];
            buckets[t->id & (size - 1)] = t;
        }
    }
    js_free(ctx, timers.buckets);
    timers.buckets = buckets;
    timers.size = size;
    return 0;
}

/* libuv counts whole milliseconds, so a timer may fire up to one too early. */
static uint64_t at_least(uint64_t ms) {
    return ms > 0 ? ms + 1 : 0;
}

static void on_timer(uv_timer_t *handle);

static void begin(timer *t, uint64_t ms) {
    uv_update_time(t->handle.loop);
    uv_timer_start(&t->handle, on_timer, at_least(ms), 0);
}

static void fire(timer *t) {
    JSContext *ctx = t->ctx;
    uint32_t id = t->id;
    JSValue async = JS_DupValue(ctx, t->async);
    JSValue func = JS_DupValue(ctx, t->func);
    int argc = t->argc;
    JSValue argv[argc > 0 ? argc : 1];
    for (int i = 0; i < argc; i++) {
        argv[i] = JS_DupValue(ctx, t->argv[i]);
    }
    bool repeats = t->interval > 0;
    if (!repeats) {
        close_timer(find(id));
    }
    fn_host_repeats(ctx, repeats);
    fn_host_call(ctx, async, func, argc, argv);
    fn_host_repeats(ctx, false);
    for (int i = 0; i < argc; i++) {
        JS_FreeValue(ctx, argv[i]);
    }
    JS_FreeValue(ctx, func);
    JS_FreeValue(ctx, async);
    /* The callback may have cleared the timer, whose memory may be freed. */
    timer *still = *find(id);
    if (still != NULL) {
        begin(still, still->interval);
        still->ran_at = uv_now(still->handle.loop);
    }
}

static void on_deferred(fn_deferred *deferred) {
    fire((timer *)(void *)((char *)deferred - offsetof(timer, deferred)));
}

static void on_timer(uv_timer_t *handle) {
    timer *t = handle->data;
    if (!fn_host_async_live(t->ctx, t->async)) {
        close_timer(find(t->id));
    } else if (!fn_host_may_run(t->ctx, t->async)) {
        fn_host_defer(t->ctx, &t->deferred, on_deferred);
    } else {
        fire(t);
    }
}

/* The delay as WebIDL's `long`: NaN and negative values become 0, larger ones wrap. */
static int read_delay(JSContext *ctx, int argc, JSValueConst *argv, uint32_t *ms) {
    int32_t delay = 0;
    if (argc > 1 && JS_ToInt32(ctx, &delay, argv[1]) < 0) {
        return -1;
    }
    *ms = delay > 0 ? (uint32_t)delay : 0;
    return 0;
}

static JSValue run_string(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int magic, JSValueConst *source) {
    (void)this_val;
    (void)argc;
    (void)argv;
    (void)magic;
    size_t len;
    const char *text = JS_ToCStringLen(ctx, &len, source[0]);
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    JSValue result = JS_Eval(ctx, text, len, "<timer>", JS_EVAL_TYPE_GLOBAL);
    JS_FreeCString(ctx, text);
    return result;
}

/* Returns a function, or one that runs the given string if strings may be run as code. */
static JSValue read_handler(JSContext *ctx, const char *name, JSValueConst handler) {
    if (JS_IsFunction(ctx, handler)) {
        return JS_DupValue(ctx, handler);
    }
    if (!fn_host_may_eval(ctx)) {
        return JS_ThrowTypeError(ctx, "%s: the handler is not a function", name);
    }
    JSValue source = JS_ToString(ctx, handler);
    JSValue function = JS_IsException(source)
                           ? JS_EXCEPTION
                           : JS_NewCFunctionData(ctx, run_string, 0, 0, 1, &source);
    JS_FreeValue(ctx, source);
    return function;
}

static timer *new_timer(JSContext *ctx, const fn_timeout *timeout) {
    timer *t = js_mallocz(ctx, sizeof(*t) + (size_t)timeout->argc * sizeof(JSValue));
    if (t == NULL) {
        return NULL;
    }
    t->ctx = ctx;
    t->handle.data = t;
    t->async = fn_host_async_context(ctx);
    t->func = JS_DupValue(ctx, timeout->func);
    t->interval = timeout->repeat ? timeout->ms : 0;
    fn_places_get(ctx, &t->places);
    t->argc = timeout->argc;
    for (int i = 0; i < t->argc; i++) {
        t->argv[i] = JS_DupValue(ctx, timeout->argv[i]);
    }
    do {
        timers.last_id = timers.last_id == INT32_MAX ? 1 : timers.last_id + 1;
    } while (*find(timers.last_id) != NULL);
    t->id = timers.last_id;
    t->next = timers.buckets[t->id & (timers.size - 1)];
    timers.buckets[t->id & (timers.size - 1)] = t;
    timers.count++;
    return t;
}

static int set(JSContext *ctx, fn_timeout *timeout) {
    timer *t = reserve(ctx) < 0 ? NULL : new_timer(ctx, timeout);
    if (t == NULL) {
        return -1;
    }
    timeout->id = t->id;
    uv_timer_init(fn_host_loop(ctx), &t->handle);
    begin(t, timeout->ms);
    return 0;
}

int fn_timer_refresh(JSContext *ctx, fn_timeout *timeout) {
    if (JS_IsUndefined(timeout->func)) {
        return 0;
    }
    timer *t = *find(timeout->id);
    if (t == NULL) {
        return set(ctx, timeout);
    }
    fn_host_undefer(ctx, &t->deferred);
    begin(t, timeout->ms);
    return 0;
}

void fn_timer_close(JSContext *ctx, fn_timeout *timeout) {
    timer **link = find(timeout->id);
    if (*link != NULL) {
        close_timer(link);
    }
    fn_timeout_clear(ctx, timeout);
}

static JSValue set_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                         int repeat) {
    (void)this_val;
    const char *name = repeat ? "setInterval" : "setTimeout";
    uint32_t ms;
    if (fn_idl_need(ctx, name, argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    if (fn_host_loop(ctx) == NULL) {
        return JS_ThrowInternalError(ctx, "%s: timers cannot be set before the worker has started",
                                     name);
    }
    if (argc > 1000) {
        return JS_ThrowRangeError(ctx, "%s: too many arguments", name);
    }
    JSValue func = read_handler(ctx, name, argv[0]);
    if (JS_IsException(func) || read_delay(ctx, argc, argv, &ms) < 0) {
        JS_FreeValue(ctx, func);
        return JS_EXCEPTION;
    }
    fn_timeout *timeout;
    int extra = argc > 2 ? argc - 2 : 0;
    JSValue object = fn_timeout_new(ctx, func, extra, extra > 0 ? argv + 2 : NULL, &timeout);
    if (JS_IsException(object)) {
        return object;
    }
    timeout->repeat = repeat != 0;
    timeout->ms = repeat && ms == 0 ? 1 : ms;
    if (set(ctx, timeout) < 0) {
        JS_FreeValue(ctx, object);
        return JS_EXCEPTION;
    }
    return object;
}

/* Takes what setTimeout returned, and its number. */
static JSValue clear_timer(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_timeout *timeout = argc > 0 ? fn_timeout_of(argv[0]) : NULL;
    if (timeout != NULL) {
        fn_timer_close(ctx, timeout);
        return JS_UNDEFINED;
    }
    int32_t id = 0;
    if (argc > 0 && JS_ToInt32(ctx, &id, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    if (id > 0 && timers.size > 0) {
        timer **link = find((uint32_t)id);
        if (*link != NULL) {
            close_timer(link);
        }
    }
    return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    FN_METHOD_MAGIC("setTimeout", 1, set_timer, false),
    FN_METHOD_MAGIC("setInterval", 1, set_timer, true),
    FN_METHOD("clearTimeout", 0, clear_timer),
    FN_METHOD("clearInterval", 0, clear_timer),
};

int fn_timers_init(JSContext *ctx) {
    if (fn_timeout_init(ctx) < 0) {
        return -1;
    }
    JSValue global = JS_GetGlobalObject(ctx);
    int err = JS_SetPropertyFunctionList(ctx, global, functions, FN_COUNT(functions));
    JS_FreeValue(ctx, global);
    return err;
}
