/* Which invocation runs, and its CPU time. The CPU clock is read when the running invocation
 * changes, and when it may have used up its budget, but not for every job. */
#include "core/worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define TICK_US 10000

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t fn_wall_ns(void) {
    return now(CLOCK_MONOTONIC);
}

uint64_t fn_cpu_ns(void) {
    return now(CLOCK_THREAD_CPUTIME_ID);
}

static void charge(fn_worker *worker, uint64_t cpu) {
    if (worker->current == NULL) {
        return;
    }
    uint64_t used = cpu - worker->current_cpu;
    worker->charged_ns += used;
    if (worker->current_background) {
        fn_background_charge(worker, used);
    } else {
        worker->current->cpu_ns += used;
    }
}

void fn_budget_switch(fn_worker *worker, fn_invocation *invocation) {
    if (worker->current == invocation) {
        return;
    }
    uint64_t cpu = fn_cpu_ns();
    charge(worker, cpu);
    fn_invocation *outer = worker->current;
    /* A job may hold the last reference to an invocation that is over. */
    worker->current = invocation == NULL ? NULL : fn_invocation_ref(invocation);
    worker->current_cpu = cpu;
    worker->current_wall = fn_wall_ns();
    if (outer != NULL) {
        fn_invocation_unref(outer);
    }
    worker->current_background = invocation != NULL && fn_is_background(worker, invocation);
}

static fn_stop check(const fn_worker *worker, const fn_invocation *invocation) {
    uint64_t wall = fn_wall_ns();
    if (invocation->deadline_ns != 0 && invocation->in.awaited_ns == 0 &&
        wall >= invocation->deadline_ns) {
        return FN_STOP_TIMEOUT;
    }
    /* It cannot have used more CPU than wall-clock time has passed, and that clock needs no system
     * call. */
    if (invocation->cpu_ns + (wall - worker->current_wall) < invocation->cpu_limit_ns) {
        return FN_STOP_NONE;
    }
    uint64_t cpu = fn_cpu_ns() - worker->current_cpu;
    return invocation->cpu_ns + cpu < invocation->cpu_limit_ns ? FN_STOP_NONE : FN_STOP_CPU;
}

/* What the bundle started has used up the time that it had to load: from now on it is background
 * work. */
static void become_background(fn_worker *worker) {
    uint64_t cpu = fn_cpu_ns();
    charge(worker, cpu);
    worker->current->stop = FN_STOP_NONE;
    worker->current_cpu = cpu;
    worker->current_wall = fn_wall_ns();
    worker->current_background = true;
}

/* The engine's interrupt handler, called from loops, calls and regular expressions: returns whether
 * to stop. */
static int on_interrupt(JSRuntime *rt, void *opaque) {
    (void)rt;
    fn_worker *worker = opaque;
    fn_invocation *invocation = worker->current;
    if (invocation == NULL) {
        return 0;
    }
    if (invocation->stop == FN_STOP_NONE && !worker->current_background) {
        invocation->stop = check(worker, invocation);
        if (invocation->stop == FN_STOP_CPU && invocation->load && worker->ready) {
            become_background(worker);
        }
    }
    if (invocation->stop == FN_STOP_NONE &&
        !(worker->current_background && fn_background_exceeded(worker))) {
        return 0;
    }
    fn_heap_grace(&worker->heap);
    return 1;
}

bool fn_host_stopped(JSRuntime *rt) {
    return on_interrupt(rt, JS_GetRuntimeOpaque(rt)) != 0;
}

/* Called before each promise job: switches to the job's invocation. The job is dropped if that one
 * was stopped, and parked if it may not run now. */
static JSJobAction on_job(JSContext *ctx, JSValueConst async_context, void *opaque) {
    (void)ctx;
    fn_worker *worker = opaque;
    fn_invocation *invocation = fn_async_invocation(worker, async_context);
    if (!fn_invocation_live(invocation)) {
        fn_background_lost(worker);
        return JS_JOB_DROP;
    }
    if ((invocation->state == FN_GONE || invocation->load) &&
        !fn_background_may_run_job(worker, invocation)) {
        return JS_JOB_PARK;
    }
    fn_budget_switch(worker, invocation);
    return JS_JOB_RUN;
}

static JSContext *ticking;

static void on_tick(int signal) {
    (void)signal;
    JS_RequestInterrupt(ticking);
}

/* The engine calls the handler once per fixed number of loops and calls, and each of them may take
 * long (JSON.parse of a megabyte). So a timer also forces a call after each 10 ms of CPU; an idle
 * worker gets no ticks. */
int fn_budget_start_ticks(fn_worker *worker) {
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct itimerval interval = {.it_interval = {.tv_usec = TICK_US},
                                 .it_value = {.tv_usec = TICK_US}};
    ticking = worker->ctx;
    if (sigaction(SIGPROF, &action, NULL) != 0 || setitimer(ITIMER_PROF, &interval, NULL) != 0) {
        return -errno;
    }
    return 0;
}

void fn_budget_init(fn_worker *worker) {
    worker->load.load = true;
    worker->load.references = 1;
    worker->load.async = worker->load.request = JS_UNDEFINED;
    worker->load.out.hold = worker->load.out.pump = JS_UNDEFINED;
    worker->load.cpu_limit_ns = UINT64_MAX; /* the zygote's own code */
    JS_SetInterruptHandler(worker->rt, on_interrupt, worker);
    JS_SetJobFilter(worker->rt, on_job, worker);
}
