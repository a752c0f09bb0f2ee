/* Ends what code that was stopped left behind, or all that a worker leaves behind that has to end,
 * and logs what that was: work that will never run may be what later requests wait for. */
#include "invocation/invocation.h"

#include <stdio.h>
#include <string.h>
#include "web/html/html.h"

#define MAX_LISTED 5

typedef struct {
    fn_worker *worker;
    const fn_invocation *invocation; /* of which it is ended; NULL: of all */
    size_t timers;
    size_t fetches;
    size_t jobs;
    fn_invocation *owner; /* of the first; a reference */
    bool mixed;           /* there are other owners */
    fn_buffer list;
} ended;

static void add_owner(ended *what, fn_invocation *owner) {
    if (what->owner == NULL) {
        what->owner = fn_invocation_ref(owner);
    }
    what->mixed = what->mixed || what->owner != owner;
}

static void list_places(ended *what, JSContext *ctx, const char *title, const JSPlace *list,
                        int count) {
    char text[FN_PLACES_BYTES];
    size_t len = fn_places_format(ctx, list, count, text, sizeof(text));
    if (len > 0) {
        fn_buffer_text(&what->list, title);
        fn_buffer_put(&what->list, text, len);
    }
}

static void on_timer_ended(JSContext *ctx, JSValueConst async_context, const fn_places *places,
                           void *opaque) {
    ended *what = opaque;
    add_owner(what, fn_async_invocation(what->worker, async_context));
    if (what->timers++ < MAX_LISTED) {
        list_places(what, ctx, "\n  timer set", places->list, places->count);
    }
}

static void list_fetches(ended *what) {
    for (const fn_fetch *fetch = what->worker->fetches; fetch != NULL; fetch = fetch->next) {
        if (what->invocation != NULL && fetch->out.invocation != what->invocation) {
            continue;
        }
        add_owner(what, fetch->out.invocation);
        if (what->fetches++ < MAX_LISTED) {
            fn_buffer_text(&what->list, "\n  fetch ");
            fn_buffer_text(&what->list, fetch->label);
        }
    }
}

static void on_parked_job(JSContext *ctx, JSValueConst async_context, const JSPlace *place,
                          void *opaque) {
    ended *what = opaque;
    fn_invocation *owner = fn_async_invocation(what->worker, async_context);
    /* The bundle's own are not what a request left behind. */
    if (owner->load || (what->invocation != NULL && owner != what->invocation)) {
        return;
    }
    add_owner(what, owner);
    if (what->jobs++ < MAX_LISTED) {
        list_places(what, ctx, "\n  promise callback", place, 1);
    }
}

static void put_count(fn_buffer *line, size_t count, const char *what, const char *plural) {
    char text[64];
    if (count > 0) {
        bool first = line->data[line->len - 1] == ':';
        snprintf(text, sizeof(text), "%s %zu %s%s", first ? "" : ",", count, what,
                 count == 1 ? "" : plural);
        fn_buffer_text(line, text);
    }
}

static void log_ended(const ended *what) {
    fn_buffer line = {0};
    if (what->invocation != NULL) {
        fn_buffer_text(&line, "Ended with the request, so this worker is replaced:");
    } else {
        fn_buffer_text(&line, "Ended with this worker, because ");
        fn_buffer_text(&line, what->worker->shutdown_reason);
        fn_buffer_text(&line, ":");
    }
    if (!line.failed) {
        put_count(&line, what->timers, "timer", "s");
        put_count(&line, what->fetches, "fetch", "es");
        put_count(&line, what->jobs, "promise callback", "s");
    }
    if (what->list.len > 0) {
        fn_buffer_put(&line, what->list.data, what->list.len);
    }
    if (!line.failed) {
        fn_log(what->worker, what->mixed ? NULL : what->owner, FN_LOG_WARN, (const char *)line.data,
               line.len);
    }
    fn_buffer_free(&line);
}

void fn_leftover_end(fn_worker *worker, fn_invocation *invocation) {
    ended what = {.worker = worker, .invocation = invocation};
    fn_timers_end(worker->ctx, invocation == NULL, on_timer_ended, &what);
    list_fetches(&what);
    JS_ForEachParkedJob(worker->rt, on_parked_job, &what);
    fn_fetches_drop(worker, invocation);
    fn_rejections_drop(worker, invocation);
    if (what.owner != NULL) {
        log_ended(&what);
        fn_background_lost(worker);
        fn_invocation_unref(what.owner);
    }
    fn_buffer_free(&what.list);
}

bool fn_leftover_timer_waits(fn_worker *worker) {
    return fn_timers_wait(worker->ctx);
}

static bool fetch_due(const fn_worker *worker) {
    for (const fn_fetch *fetch = worker->fetches; fetch != NULL; fetch = fetch->next) {
        if (!fetch->out.invocation->load) {
            return true;
        }
    }
    return false;
}

bool fn_leftover_due(fn_worker *worker, uint64_t until) {
    return fn_background_waits(worker) || fetch_due(worker) ||
           fn_timers_due(worker->ctx, worker->shutdown_at, until);
}
