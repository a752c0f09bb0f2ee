/* Runs promise jobs until there are none left, or until the channel and the timers have to have
 * their turn. */
#include "core/worker.h"

#define JOBS_BETWEEN_CLOCKS 64
#define TURN_NS 2000000u /* after this time the channel and the timers get their turn */

static void on_idle(uv_idle_t *idle) {
    fn_jobs_run(idle->data);
}

/* A job failed: its invocation was stopped, or a microtask threw an exception that nobody can
 * catch. */
static void job_failed(fn_worker *worker) {
    JSValue error = JS_GetException(worker->ctx);
    fn_invocation *invocation = worker->current;
    if (invocation != NULL && invocation->stop == FN_STOP_NONE &&
        worker->background.interrupt == FN_INTERRUPT_NONE) {
        fn_scope scope = fn_enter(worker, invocation);
        worker->hooks->uncaught(worker, invocation, error);
        fn_leave(worker, scope);
    }
    JS_FreeValue(worker->ctx, error);
}

static void stopped(fn_worker *worker, fn_invocation *invocation) {
    fn_invocation_ref(invocation);
    fn_budget_switch(worker, NULL);
    worker->hooks->stopped(worker, invocation);
    fn_invocation_unref(invocation);
}

/* Runs jobs until there are none left (returns true) or the time of the turn is over. */
static bool run_jobs(fn_worker *worker) {
    uint64_t end = 0;
    for (unsigned count = 1; JS_IsJobPending(worker->rt); count++) {
        JSContext *ctx;
        if (JS_ExecutePendingJob(worker->rt, &ctx) < 0) {
            job_failed(worker);
        }
        fn_invocation *invocation = worker->current;
        if (worker->background.interrupt != FN_INTERRUPT_NONE) {
            fn_background_turn_over(worker, invocation);
        }
        if (invocation != NULL && invocation->stop != FN_STOP_NONE) {
            stopped(worker, invocation);
        }
        if (count % JOBS_BETWEEN_CLOCKS == 0) {
            uint64_t now = fn_wall_ns();
            end = end == 0 ? now + TURN_NS : end;
            if (now >= end) {
                return !JS_IsJobPending(worker->rt);
            }
        }
    }
    return true;
}

void fn_jobs_run(fn_worker *worker) {
    if (worker->depth > 0) {
        return;
    }
    worker->depth++;
    bool drained = run_jobs(worker);
    fn_budget_switch(worker, NULL);
    worker->depth--;
    if (worker->hooks->jobs_ran(worker, drained)) {
        uv_idle_stop(&worker->idle);
    } else {
        uv_idle_start(&worker->idle, on_idle);
    }
}
