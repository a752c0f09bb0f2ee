/* Ends what code that was stopped left behind, and logs what that was: work that will never run may
 * be what later requests wait for. */
#include "invocation/invocation.h"

#include <stdio.h>
#include <string.h>
#include "web/html/html.h"

#define MAX_LISTED 5

typedef struct {
    size_t timers;
    size_t fetches;
    fn_buffer list;
} ended;

static void on_timer_ended(JSContext *ctx, const JSPlace *place, void *opaque) {
    ended *what = opaque;
    char text[FN_PLACE_BYTES];
    size_t len = what->timers++ < MAX_LISTED ? JS_FormatPlace(ctx, place, text, sizeof(text)) : 0;
    if (len > 0) {
        fn_buffer_text(&what->list, "\n  timer set\n    at ");
        fn_buffer_put(&what->list, text, len);
    }
}

static void list_fetches(fn_worker *worker, const fn_invocation *invocation, ended *what) {
    for (const fn_fetch *fetch = worker->fetches; fetch != NULL; fetch = fetch->next) {
        if ((invocation == NULL || fetch->out.invocation == invocation) &&
            what->fetches++ < MAX_LISTED) {
            fn_buffer_text(&what->list, "\n  fetch ");
            fn_buffer_text(&what->list, fetch->label);
        }
    }
}

static void put_count(fn_buffer *line, size_t count, const char *what, const char *plural) {
    char text[64];
    if (count > 0) {
        snprintf(text, sizeof(text), " %zu %s%s", count, what, count == 1 ? "" : plural);
        fn_buffer_text(line, text);
    }
}

static void log_ended(fn_worker *worker, const fn_invocation *invocation, const ended *what) {
    fn_buffer line = {0};
    fn_buffer_text(&line, invocation == NULL
                              ? "Ended with this worker:"
                              : "Ended with the request, so this worker is replaced:");
    put_count(&line, what->timers, "timer", "s");
    if (what->timers > 0 && what->fetches > 0) {
        fn_buffer_text(&line, ",");
    }
    put_count(&line, what->fetches, "fetch", "es");
    if (what->list.len > 0) {
        fn_buffer_put(&line, what->list.data, what->list.len);
    }
    if (!line.failed && line.len > 0) {
        fn_log(worker, invocation, FN_LOG_WARN, (const char *)line.data, line.len);
    }
    fn_buffer_free(&line);
}

void fn_leftover_end(fn_worker *worker, fn_invocation *invocation) {
    ended what = {0};
    fn_timers_end(worker->ctx, invocation == NULL, on_timer_ended, &what);
    list_fetches(worker, invocation, &what);
    fn_fetches_drop(worker, invocation);
    fn_rejections_drop(worker, invocation);
    if (what.timers > 0 || what.fetches > 0) {
        log_ended(worker, invocation, &what);
        fn_background_lost(worker);
    }
    fn_buffer_free(&what.list);
}
