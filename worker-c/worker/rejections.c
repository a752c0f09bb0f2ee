/* Promises that were rejected while nothing was attached to them. What a job of the same turn
 * attaches still counts, so they are looked at when the turn is over. */
#include "worker.h"

struct fn_rejection {
    fn_rejection *next;
    fn_invocation *invocation;
    JSValue promise;
    JSValue reason;
};

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled,
                         void *opaque) {
    fn_worker *worker = opaque;
    if (handled || worker->current == NULL) {
        return;
    }
    fn_rejection *rejection = js_malloc(ctx, sizeof(*rejection));
    if (rejection == NULL) {
        return;
    }
    rejection->next = worker->rejections;
    rejection->invocation = fn_invocation_ref(worker->current);
    rejection->promise = JS_DupValue(ctx, promise);
    rejection->reason = JS_DupValue(ctx, reason);
    worker->rejections = rejection;
}

void fn_rejections_init(fn_worker *worker) {
    JS_SetHostPromiseRejectionTracker(worker->rt, on_rejection, worker);
}

static void report(fn_worker *worker, fn_rejection *rejection) {
    JSContext *ctx = worker->ctx;
    fn_invocation *invocation = rejection->invocation;
    if (!JS_PromiseIsHandled(rejection->promise) && fn_invocation_live(invocation)) {
        fn_log_error(worker, invocation, "Unhandled rejection: ", rejection->reason);
    }
    JS_FreeValue(ctx, rejection->promise);
    JS_FreeValue(ctx, rejection->reason);
    fn_invocation_unref(invocation);
    js_free(ctx, rejection);
}

/* Takes off the list what belongs to `of` (NULL: all), oldest first. */
static fn_rejection *take(fn_worker *worker, const fn_invocation *of) {
    fn_rejection *taken = NULL;
    fn_rejection **link = &worker->rejections;
    while (*link != NULL) {
        fn_rejection *rejection = *link;
        if (of == NULL || rejection->invocation == of) {
            *link = rejection->next;
            rejection->next = taken;
            taken = rejection;
        } else {
            link = &rejection->next;
        }
    }
    return taken;
}

void fn_rejections_report(fn_worker *worker, const fn_invocation *of) {
    fn_rejection *rejection = take(worker, of);
    while (rejection != NULL) {
        fn_rejection *next = rejection->next;
        report(worker, rejection);
        rejection = next;
    }
}
