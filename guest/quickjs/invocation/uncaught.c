/* Uncaught exceptions, and promises that were rejected without a handler. A handler that is
 * attached in the same turn counts, so rejections are checked at the end of the turn. The tenant's
 * listeners are notified of both, and of handlers that are attached later. What no listener handles
 * is logged. */
#include "invocation/invocation.h"

#include <string.h>

void fn_log_error(fn_worker *worker, fn_invocation *invocation, const char *what,
                  JSValueConst error) {
    fn_error_text text = {0};
    /* Looking at a large value takes time, which is the invocation's. */
    fn_invocation *outer = worker->current;
    fn_budget_switch(worker, invocation);
    int err = fn_web_error_text(worker->ctx, error, &text);
    fn_budget_switch(worker, outer);
    if (err != 0 || text.message == NULL) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
        fn_log(worker, invocation, FN_LOG_ERROR, what, strlen(what));
        return;
    }
    fn_buffer line = {0};
    fn_buffer_text(&line, what);
    fn_buffer_text(&line, text.message);
    if (text.stack != NULL && *text.stack != '\0') {
        fn_buffer_text(&line, "\n");
        fn_buffer_text(&line, text.stack);
    }
    if (line.len > 0) {
        fn_log(worker, invocation, FN_LOG_ERROR, (const char *)line.data, line.len);
    }
    fn_buffer_free(&line);
    js_free(worker->ctx, text.message);
    js_free(worker->ctx, text.stack);
}

void fn_report_uncaught(fn_worker *worker, fn_invocation *invocation, JSValueConst error) {
    if (!fn_web_report_error(worker->ctx, error) && invocation->stop == FN_STOP_NONE) {
        fn_log_error(worker, invocation, "Uncaught ", error);
    }
}

struct fn_rejection {
    fn_rejection *next;
    fn_invocation *invocation;
    JSValue promise;
    JSValue reason;
    bool handled; /* a reported promise has a handler now */
};

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled,
                         void *opaque) {
    fn_worker *worker = opaque;
    if ((handled && !worker->rejections_reported) || worker->current == NULL) {
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
    rejection->handled = handled;
    worker->rejections = rejection;
}

void fn_rejections_init(fn_worker *worker) {
    JS_SetHostPromiseRejectionTracker(worker->rt, on_rejection, worker);
}

/* Whether it still has to be reported, and the invocation's code may still run. */
static bool is_due(const fn_rejection *rejection) {
    return (rejection->handled || !JS_PromiseIsHandled(rejection->promise)) &&
           fn_invocation_live(rejection->invocation);
}

static void release(fn_worker *worker, fn_rejection *rejection) {
    JS_FreeValue(worker->ctx, rejection->promise);
    JS_FreeValue(worker->ctx, rejection->reason);
    fn_invocation_unref(rejection->invocation);
    js_free(worker->ctx, rejection);
}

/* Removes from the list what belongs to `of` (NULL: everything), oldest first, but for what `keeps`
 * keeps. */
static fn_rejection *take(fn_worker *worker, const fn_invocation *of,
                          bool (*keeps)(fn_worker *worker, const fn_rejection *rejection)) {
    fn_rejection *taken = NULL;
    fn_rejection **link = &worker->rejections;
    while (*link != NULL) {
        fn_rejection *rejection = *link;
        if ((of == NULL || rejection->invocation == of) &&
            (keeps == NULL || !keeps(worker, rejection))) {
            *link = rejection->next;
            rejection->next = taken;
            taken = rejection;
        } else {
            link = &rejection->next;
        }
    }
    return taken;
}

static void log_one(fn_worker *worker, const fn_rejection *rejection) {
    if (!rejection->handled && is_due(rejection)) {
        fn_log_error(worker, rejection->invocation, "Unhandled rejection: ", rejection->reason);
    }
}

static void report(fn_worker *worker, const fn_rejection *rejection) {
    if (!is_due(rejection)) {
        return;
    }
    fn_scope scope = fn_enter(worker, rejection->invocation);
    fn_event_outcome outcome = fn_web_report_rejection(worker->ctx, rejection->promise,
                                                       rejection->reason, rejection->handled);
    worker->rejections_reported = worker->rejections_reported || outcome != FN_EVENT_NO_LISTENER;
    if (outcome != FN_EVENT_CANCELLED) {
        log_one(worker, rejection);
    }
    fn_leave(worker, scope);
}

/* What handles the rejection of background work may be in a job that waits. */
static bool may_be_handled(fn_worker *worker, const fn_rejection *rejection) {
    return JS_HasParkedJobs(worker->rt) && fn_is_background(worker, rejection->invocation);
}

bool fn_rejections_due(fn_worker *worker) {
    const fn_rejection *rejection = worker->rejections;
    while (rejection != NULL && may_be_handled(worker, rejection)) {
        rejection = rejection->next;
    }
    return rejection != NULL;
}

bool fn_rejections_report(fn_worker *worker) {
    if (!fn_rejections_due(worker)) {
        return false;
    }
    fn_rejection *rejection = take(worker, NULL, may_be_handled);
    while (rejection != NULL) {
        fn_rejection *next = rejection->next;
        report(worker, rejection);
        release(worker, rejection);
        rejection = next;
    }
    return true;
}

void fn_rejections_drop(fn_worker *worker, const fn_invocation *of) {
    fn_rejection *rejection = take(worker, of, NULL);
    while (rejection != NULL) {
        fn_rejection *next = rejection->next;
        release(worker, rejection);
        rejection = next;
    }
}
