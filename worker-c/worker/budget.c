/* Whose code runs, and how much of it: the CPU clock is read when the running invocation changes
 * and when it may have used up its budget, not for every job. */
#include "worker.h"

#include <time.h>

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t fn_wall_ns(void) {
    return now(CLOCK_MONOTONIC);
}

void fn_budget_switch(fn_worker *worker, fn_invocation *invocation) {
    if (worker->current == invocation) {
        return;
    }
    uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID);
    if (worker->current != NULL) {
        worker->current->cpu_ns += cpu - worker->current_cpu;
    }
    worker->current = invocation;
    worker->current_cpu = cpu;
    worker->current_wall = fn_wall_ns();
}

static fn_stop check(const fn_worker *worker, const fn_invocation *invocation) {
    uint64_t wall = fn_wall_ns();
    if (invocation->deadline_ns != 0 && wall >= invocation->deadline_ns) {
        return FN_STOP_TIMEOUT;
    }
    /* It cannot have used more CPU than time has passed, and that clock needs no system call. */
    if (invocation->cpu_ns + (wall - worker->current_wall) < invocation->cpu_limit_ns) {
        return FN_STOP_NONE;
    }
    uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID) - worker->current_cpu;
    return invocation->cpu_ns + cpu < invocation->cpu_limit_ns ? FN_STOP_NONE : FN_STOP_CPU;
}

/* The engine's question, from within loops, calls and regular expressions: is this to end? */
static int on_interrupt(JSRuntime *rt, void *opaque) {
    (void)rt;
    fn_worker *worker = opaque;
    fn_invocation *invocation = worker->current;
    if (invocation == NULL) {
        return 0;
    }
    if (invocation->stop == FN_STOP_NONE) {
        invocation->stop = check(worker, invocation);
    }
    if (invocation->stop == FN_STOP_NONE) {
        return 0;
    }
    fn_heap_grace(&worker->heap);
    return 1;
}

/* Before each promise job: whose it is, and whether that one still runs. */
static bool on_job(JSContext *ctx, JSValueConst async_context, void *opaque) {
    (void)ctx;
    fn_worker *worker = opaque;
    fn_invocation *invocation = fn_async_invocation(worker, async_context);
    if (!fn_invocation_live(invocation)) {
        return false;
    }
    fn_budget_switch(worker, invocation);
    return true;
}

void fn_budget_init(fn_worker *worker) {
    worker->load.load = true;
    worker->load.references = 1;
    worker->load.async = worker->load.request = JS_UNDEFINED;
    worker->load.out.hold = worker->load.out.pump = JS_UNDEFINED;
    worker->load.cpu_limit_ns = UINT64_MAX; /* the template's own code */
    JS_SetInterruptHandler(worker->rt, on_interrupt, worker);
    JS_SetJobFilter(worker->rt, on_job, worker);
}
