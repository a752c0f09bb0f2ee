/* The worker's event loop: reads frames, runs jobs and timers, writes frames. It is created after
 * the fork, since a loop from before would share its epoll with the zygote and all its workers. */
#include "invocation/invocation.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/check.h"

#define READS_A_TICK 8
#define FLUSH_AT_EXIT_MS 1000

_Noreturn void fn_worker_exit(fn_worker *worker, int status, bool flush) {
    worker->hooks->end_processes(worker, NULL);
    struct pollfd writable = {.fd = worker->ipc.fd, .events = POLLOUT};
    fn_log_report_dropped(worker);
    while (flush && fn_ipc_flush(&worker->ipc) == 1) {
        flush = poll(&writable, 1, FLUSH_AT_EXIT_MS) == 1;
    }
#ifdef FN_SANITIZE
    fn_teardown(worker, status);
#endif
    _exit(status);
}

_Noreturn void fn_worker_breach(const char *what) {
    fprintf(stderr, "quickjs-worker: the host broke the protocol: %s\n", what);
    _exit(FN_EXIT_BREACH);
}

static void on_channel(uv_poll_t *poll, int status, int events);

/* Until the bundle is loaded, messages wait in the socket, and only its end is watched. */
static void watch_channel(fn_worker *worker) {
    int events = worker->ready ? UV_READABLE : UV_DISCONNECT;
    events |= worker->writable_wanted ? UV_WRITABLE : 0;
    FN_CHECK(uv_poll_start(&worker->poll, events, on_channel) == 0);
}

void fn_loop_flush(fn_worker *worker) {
    if (fn_ipc_queued(&worker->ipc) == 0 && !worker->writable_wanted) {
        return;
    }
    int rest = fn_ipc_flush(&worker->ipc);
    if (rest == 0 && worker->logs_dropped > 0) {
        fn_log_report_dropped(worker);
        rest = fn_ipc_flush(&worker->ipc);
    }
    if (rest < 0) {
        fn_worker_exit(worker, 0, false); /* the host is gone */
    }
    if (worker->writable_wanted != (rest == 1)) {
        worker->writable_wanted = rest == 1;
        watch_channel(worker);
    }
}

static _Noreturn void leave(fn_worker *worker) {
    fn_leftover_end(worker, NULL);
    fn_worker_exit(worker, 0, true);
}

static void on_grace_over(uv_timer_t *timer) {
    leave(timer->data);
}

/* A worker that has to end finishes first what its requests left behind, as far as it can. */
static bool leftover_runs(fn_worker *worker) {
    uint64_t now = uv_now(&worker->loop);
    uint64_t until = fn_background_until(worker);
    until = until < worker->shutdown_by ? until : worker->shutdown_by;
    if (now >= until || !fn_leftover_due(worker, until)) {
        return false;
    }
    uv_timer_start(&worker->grace_timer, on_grace_over, until - now, 0);
    return true;
}

/* Runs once in each turn of the loop, with nothing else on the stack. */
static void end_turn(fn_worker *worker) {
    if (worker->shutting_down && worker->in_flight == 0 && !leftover_runs(worker)) {
        leave(worker);
    }
    fn_loop_flush(worker);
}

static void on_prepare(uv_prepare_t *prepare) {
    end_turn(prepare->data);
}

static void on_check(uv_check_t *check) {
    end_turn(check->data);
}

static void handle_frames(fn_worker *worker) {
    fn_frame frame;
    int result;
    while ((result = fn_ipc_next(&worker->ipc, &frame)) == 1) {
        fn_message(worker, &frame);
        fn_ipc_frame_free(&worker->ipc);
    }
    if (result < 0) {
        fn_worker_breach(uv_strerror(result));
    }
}

static void on_channel(uv_poll_t *poll, int status, int events) {
    fn_worker *worker = poll->data;
    if (status < 0 || (events & UV_DISCONNECT) != 0) {
        fn_worker_exit(worker, 0, false);
    }
    /* flush writes in this same tick. */
    if ((events & UV_READABLE) == 0) {
        return;
    }
    for (int i = 0; i < READS_A_TICK; i++) {
        int count = fn_ipc_read(&worker->ipc);
        if (count == 0) {
            return;
        }
        if (count < 0) {
            fn_worker_exit(worker, 0, false); /* end of file, or an error that is equivalent */
        }
        handle_frames(worker);
        if (count < FN_IPC_READ_SIZE) {
            return; /* the socket is empty */
        }
    }
}

bool fn_jobs_ran(fn_worker *worker, bool drained) {
    if (drained && fn_rejections_report(worker)) {
        drained = !JS_IsJobPending(worker->rt) && !fn_rejections_due(worker);
    }
    fn_invocations_finish(worker);
    return drained;
}

void fn_loop_shutdown(fn_worker *worker, uint64_t grace_ms, const char *reason, size_t len) {
    uint64_t now = uv_now(&worker->loop);
    uint64_t by = grace_ms < UINT64_MAX - now ? now + grace_ms : UINT64_MAX;
    if (!worker->shutting_down) {
        size_t kept = len < FN_MAX_SHUTDOWN_REASON - 1 ? len : FN_MAX_SHUTDOWN_REASON - 1;
        memcpy(worker->shutdown_reason, reason, kept);
        worker->shutdown_reason[kept] = 0;
        worker->shutdown_at = now;
        worker->shutdown_by = by;
    }
    worker->shutting_down = true;
    worker->shutdown_by = by < worker->shutdown_by ? by : worker->shutdown_by;
    uv_timer_start(&worker->grace_timer, on_grace_over, worker->shutdown_by - now, 0);
}

int fn_loop_init(fn_worker *worker) {
    int err = uv_loop_init(&worker->loop);
    if (err != 0) {
        return err;
    }
    worker->loop_made = true;
    uv_prepare_init(&worker->loop, &worker->prepare);
    uv_check_init(&worker->loop, &worker->check);
    uv_idle_init(&worker->loop, &worker->idle);
    uv_timer_init(&worker->loop, &worker->load_timer);
    uv_timer_init(&worker->loop, &worker->grace_timer);
    err = fn_background_init(worker);
    if (err != 0) {
        return err;
    }
    worker->prepare.data = worker->check.data = worker;
    worker->idle.data = worker->load_timer.data = worker->grace_timer.data = worker;
    uv_prepare_start(&worker->prepare, on_prepare);
    uv_check_start(&worker->check, on_check);
    return 0;
}

int fn_loop_attach(fn_worker *worker, int fd) {
    worker->ipc.fd = fd;
    worker->poll.data = worker;
    int err = uv_poll_init(&worker->loop, &worker->poll, fd);
    if (err != 0) {
        return err;
    }
    watch_channel(worker);
    return 0;
}

void fn_loop_run(fn_worker *worker, uint64_t started_ns) {
    watch_channel(worker);
    /* Handles what arrived with the start message or after it, before the host could know that this
     * worker is ready. */
    worker->asked_ns = started_ns;
    handle_frames(worker);
    if (fn_ipc_read(&worker->ipc) > 0) {
        handle_frames(worker);
    }
    worker->asked_ns = 0;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
}
