/* Background work: what requests left behind, and what the bundle started, once it has used up the
 * time to load. It runs in short slices, one for each turn of the loop, with the jobs and callbacks
 * that waited for it, so that requests go first. Its CPU time comes out of a bucket of the worker,
 * and never out of a request's. It is paused a while after the last request. */
#include "core/worker.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "core/json_out.h"

#define SLICE_NS 1000000u           /* of CPU time: then no further job or callback begins */
#define MAX_TURN_NS 50000000u       /* of CPU time: one job or callback, while a request waits */
#define MAX_HELP_NS 500000000u      /* the same, while requests wait only for what it may bring */
#define MAX_DEBT_NS 50000000        /* a turn may take the bucket this far below empty */
#define RESUME_NS 10000000          /* an empty bucket is used again from this level on */
#define POLL_NS 5000000u            /* between two looks whether a message waits */
#define REPORT_NS 1000000000u       /* of CPU time, between two messages to the host */
#define LOG_INTERVAL_NS 1000000000u /* between two log lines about interrupted turns */

static void on_idle(uv_idle_t *idle);
static void on_refill(uv_timer_t *timer);

int fn_background_init(fn_worker *worker) {
    fn_background *background = &worker->background;
    int err = uv_idle_init(&worker->loop, &background->idle);
    err = err != 0 ? err : uv_timer_init(&worker->loop, &background->refill);
    background->idle.data = background->refill.data = worker;
    background->end = &background->first;
    return err;
}

void fn_background_start(fn_worker *worker) {
    fn_background *background = &worker->background;
    const fn_limits *limits = &worker->limits;
    background->window_ms = limits->background_ms;
    background->percent = limits->background_percent;
    background->burst_ns = background->level_ns = (int64_t)(limits->cpu_ms * 1000000u);
    background->filled_ns = fn_wall_ns();
    fn_background_idle(worker);
}

bool fn_is_background(const fn_worker *worker, const fn_invocation *invocation) {
    if (invocation->load) {
        return worker->ready && invocation->cpu_ns >= invocation->cpu_limit_ns;
    }
    return invocation->state == FN_GONE;
}

/* ---- the bucket of CPU time */

/* A worker that is to end uses what it has. */
static void fill(fn_worker *worker, uint64_t wall) {
    fn_background *background = &worker->background;
    uint64_t passed = wall > background->filled_ns ? wall - background->filled_ns : 0;
    background->filled_ns += passed;
    uint64_t more = worker->shutting_down ? 0 : passed / 100 * background->percent;
    int64_t room = background->burst_ns - background->level_ns;
    background->level_ns += room < 0 ? 0 : more < (uint64_t)room ? (int64_t)more : room;
}

static int64_t resume_level(const fn_background *background) {
    return background->burst_ns < RESUME_NS ? background->burst_ns : RESUME_NS;
}

static bool is_starved(fn_worker *worker, uint64_t wall) {
    fn_background *background = &worker->background;
    fill(worker, wall);
    if (background->level_ns <= 0) {
        background->starved = true;
    } else if (background->level_ns >= resume_level(background)) {
        background->starved = false;
    }
    return background->starved;
}

void fn_background_charge(fn_worker *worker, uint64_t cpu_ns) {
    worker->background.level_ns -= (int64_t)cpu_ns;
    worker->background.unreported_ns += cpu_ns;
}

static void report(fn_worker *worker, bool ended) {
    fn_background *background = &worker->background;
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "background");
    fn_buffer_text(out, ",\"cpu_us\":");
    fn_json_uint(out, background->unreported_ns / 1000);
    fn_buffer_text(out, ended ? ",\"ended\":true" : ",\"ended\":false");
    if (fn_ipc_end(&worker->ipc, NULL, 0) == 0) {
        background->unreported_ns = 0;
        background->lost = background->lost || ended;
    }
}

void fn_background_lost(fn_worker *worker) {
    if (worker->ready && !worker->background.lost) {
        report(worker, true);
    }
}

/* ---- what waits for the next slice */

static void wake(fn_worker *worker) {
    fn_background *background = &worker->background;
    if (background->awake || background->paused) {
        return;
    }
    background->awake = true;
    uv_idle_start(&background->idle, on_idle);
}

void fn_host_defer(JSContext *ctx, fn_deferred *deferred, void (*run)(fn_deferred *deferred)) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_background *background = &worker->background;
    if (deferred->link == NULL) {
        deferred->run = run;
        deferred->next = NULL;
        deferred->link = background->end;
        *background->end = deferred;
        background->end = &deferred->next;
    }
    wake(worker);
}

void fn_host_undefer(JSContext *ctx, fn_deferred *deferred) {
    if (deferred->link == NULL) {
        return;
    }
    *deferred->link = deferred->next;
    if (deferred->next != NULL) {
        deferred->next->link = deferred->link;
    } else {
        fn_worker_of(ctx)->background.end = deferred->link;
    }
    deferred->link = NULL;
}

/* No request has run for so long that background work is paused. */
static bool is_paused(fn_worker *worker) {
    fn_background *background = &worker->background;
    if (!background->paused && worker->in_flight == 0 &&
        uv_now(&worker->loop) - background->idle_since >= background->window_ms) {
        background->paused = true;
    }
    return background->paused;
}

bool fn_background_may_run(fn_worker *worker, const fn_invocation *invocation) {
    if (fn_is_background(worker, invocation)) {
        return worker->background.running;
    }
    return !invocation->load || !worker->ready || worker->background.running || !is_paused(worker);
}

bool fn_background_may_run_job(fn_worker *worker, const fn_invocation *invocation) {
    fn_background *background = &worker->background;
    if (background->job) {
        background->job = false;
        return true;
    }
    bool may = !fn_is_background(worker, invocation) && fn_background_may_run(worker, invocation);
    if (!may) {
        wake(worker);
    }
    return may;
}

/* The rest is charged with the jobs and timers themselves. */
static void charge_overhead(fn_worker *worker, uint64_t cpu_ns, uint64_t charged_ns) {
    uint64_t used = fn_cpu_ns() - cpu_ns;
    uint64_t charged = worker->charged_ns - charged_ns;
    if (used > charged) {
        fn_background_charge(worker, used - charged);
    }
}

/* The oldest job, or else the oldest callback. */
static void run_next(fn_worker *worker) {
    fn_background *background = &worker->background;
    if (JS_HasParkedJobs(worker->rt)) {
        JS_UnparkJob(worker->rt);
        background->job = true;
        fn_jobs_run(worker);
        background->job = false;
        return;
    }
    fn_deferred *deferred = background->first;
    fn_host_undefer(worker->ctx, deferred);
    deferred->run(deferred);
}

static bool has_more(const fn_worker *worker) {
    return worker->background.first != NULL || JS_HasParkedJobs(worker->rt);
}

static void run_slice(fn_worker *worker, uint64_t wall) {
    fn_background *background = &worker->background;
    uint64_t cpu = fn_cpu_ns();
    uint64_t charged = worker->charged_ns;
    background->running = true;
    do {
        background->turn_ns = 0;
        run_next(worker);
    } while (has_more(worker) && (fn_wall_ns() - wall < SLICE_NS || fn_cpu_ns() - cpu < SLICE_NS));
    background->running = false;
    charge_overhead(worker, cpu, charged);
    if (background->unreported_ns >= REPORT_NS) {
        report(worker, false);
    }
}

static void sleep_until_refilled(fn_worker *worker) {
    fn_background *background = &worker->background;
    uint64_t missing = (uint64_t)(resume_level(background) - background->level_ns);
    uint64_t ms = missing / background->percent * 100 / 1000000u + 1;
    uv_update_time(&worker->loop);
    uv_timer_start(&background->refill, on_refill, ms, 0);
}

static void on_idle(uv_idle_t *idle) {
    fn_worker *worker = idle->data;
    fn_background *background = &worker->background;
    /* What requests have sent must not wait for it. */
    worker->hooks->flush(worker);
    uint64_t wall = fn_wall_ns();
    bool paused = is_paused(worker);
    bool starved = !paused && is_starved(worker, wall);
    if (!paused && !starved && has_more(worker)) {
        run_slice(worker, wall);
    }
    if (paused || starved || !has_more(worker)) {
        uv_idle_stop(idle);
        background->awake = starved;
    }
    if (starved) {
        sleep_until_refilled(worker);
    }
}

static void on_refill(uv_timer_t *timer) {
    fn_worker *worker = timer->data;
    worker->background.awake = false;
    wake(worker);
}

void fn_background_idle(fn_worker *worker) {
    worker->background.idle_since = uv_now(&worker->loop);
}

bool fn_background_waits(const fn_worker *worker) {
    return has_more(worker);
}

uint64_t fn_background_until(const fn_worker *worker) {
    const fn_background *background = &worker->background;
    bool over = background->paused || background->starved;
    return over ? 0 : background->idle_since + background->window_ms;
}

void fn_background_busy(fn_worker *worker) {
    fn_background *background = &worker->background;
    bool was_paused = background->paused;
    background->paused = false;
    if (was_paused && has_more(worker)) {
        wake(worker);
    }
}

/* ---- interrupted turns */

/* Whether a request would run now: a message waits, or a timer of a request is due. Promise jobs of
 * requests run before a turn begins, so those that are pending were made by the turn itself. What
 * requests have sent leaves meanwhile. */
static bool request_waits(fn_worker *worker, uint64_t wall) {
    fn_background *background = &worker->background;
    if (wall - background->polled_ns < POLL_NS) {
        return background->request_waits;
    }
    background->polled_ns = wall;
    worker->hooks->flush(worker);
    struct pollfd channel = {.fd = worker->ipc.fd, .events = POLLIN};
    background->request_waits = poll(&channel, 1, 0) == 1;
    if (!background->request_waits && worker->in_flight > 0) {
        uv_update_time(&worker->loop);
        background->request_waits = worker->hooks->timer_waits(worker);
    }
    return background->request_waits;
}

static const char *const messages[] = {
    [FN_INTERRUPT_NONE] = NULL,
    [FN_INTERRUPT_REQUEST] =
        "background work was interrupted: it ran for more than 50 ms while a request waited",
    [FN_INTERRUPT_HELP] = "background work was interrupted: it ran for more than 500 ms while "
                          "requests were in flight",
    [FN_INTERRUPT_CPU] =
        "background work was interrupted: it used up the CPU time for background work",
    [FN_INTERRUPT_END] = "background work was interrupted: its worker has to end",
};

static bool interrupt(fn_worker *worker, fn_interrupt why) {
    fn_background *background = &worker->background;
    fn_places places;
    background->interrupt = why;
    fn_places_get(worker->ctx, &places);
    fn_places_format(worker->ctx, places.list, places.count, background->place,
                     sizeof(background->place));
    fn_places_free(worker->rt, &places);
    JS_SetInterruptMessage(worker->rt, messages[why]);
    return true;
}

/* In a long turn: the host gives the process CPU time only as it is reported. */
static void report_turn(fn_worker *worker) {
    uint64_t used = fn_cpu_ns() - worker->current_cpu;
    if (worker->background.unreported_ns + used < REPORT_NS) {
        return;
    }
    worker->current_cpu += used;
    worker->charged_ns += used;
    worker->background.turn_ns += used;
    fn_background_charge(worker, used);
    report(worker, false);
    worker->hooks->flush(worker);
}

bool fn_background_exceeded(fn_worker *worker) {
    fn_background *background = &worker->background;
    if (background->interrupt != FN_INTERRUPT_NONE) {
        return true;
    }
    uint64_t wall = fn_wall_ns();
    uint64_t ran = wall - worker->current_wall;
    /* Of CPU time: a busy machine may stop the process for longer. */
    uint64_t used = ran < MAX_TURN_NS ? 0 : background->turn_ns + fn_cpu_ns() - worker->current_cpu;
    if (used >= MAX_TURN_NS) {
        if (worker->shutting_down && wall / 1000000u >= worker->shutdown_by) {
            return interrupt(worker, FN_INTERRUPT_END);
        }
        if (request_waits(worker, wall)) {
            return interrupt(worker, FN_INTERRUPT_REQUEST);
        }
        /* A queue that an earlier request drains may hold the work of those in flight. */
        if (worker->in_flight > 0 && used >= MAX_HELP_NS) {
            return interrupt(worker, FN_INTERRUPT_HELP);
        }
        /* It became background work in the middle of a turn, without a slice. */
        if (!background->running) {
            return interrupt(worker, FN_INTERRUPT_CPU);
        }
    }
    if (ran >= MAX_TURN_NS) {
        report_turn(worker);
    }
    /* It cannot have used more CPU time than wall-clock time has passed. */
    if (!background->running || background->level_ns + MAX_DEBT_NS > (int64_t)ran) {
        return false;
    }
    fill(worker, wall);
    int64_t unpaid = (int64_t)(fn_cpu_ns() - worker->current_cpu);
    return background->level_ns + MAX_DEBT_NS < unpaid && interrupt(worker, FN_INTERRUPT_CPU);
}

void fn_background_turn_over(fn_worker *worker, const fn_invocation *invocation) {
    fn_background *background = &worker->background;
    if (background->interrupt == FN_INTERRUPT_NONE) {
        return;
    }
    const char *why = messages[background->interrupt];
    background->interrupt = FN_INTERRUPT_NONE;
    background->request_waits = false;
    /* What it had begun will never end, such as a queue that it was emptying. */
    if (!background->repeats) {
        fn_background_lost(worker);
    }
    JS_SetInterruptMessage(worker->rt, NULL);
    uint64_t wall = fn_wall_ns();
    if (background->logged_ns != 0 && wall - background->logged_ns < LOG_INTERVAL_NS) {
        return;
    }
    background->logged_ns = wall;
    char text[FN_PLACES_BYTES + 400];
    int len = snprintf(text, sizeof(text),
                       "This %s. Do long work in parts, in a request, or pass its promise to "
                       "ctx.waitUntil.%s",
                       why, background->place);
    size_t most = sizeof(text) - 1;
    fn_log(worker, invocation, FN_LOG_WARN, text, (size_t)len < most ? (size_t)len : most);
}

void fn_host_repeats(JSContext *ctx, bool repeats) {
    fn_worker_of(ctx)->background.repeats = repeats;
}

void fn_background_free(fn_worker *worker) {
    fn_background *background = &worker->background;
    uv_idle_stop(&background->idle);
    uv_timer_stop(&background->refill);
    background->over = true; /* the calls below only free what they hold */
    while (background->first != NULL) {
        fn_deferred *deferred = background->first;
        fn_host_undefer(worker->ctx, deferred);
        deferred->run(deferred);
    }
}
