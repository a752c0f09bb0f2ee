/* Only for builds with sanitizers: frees everything before the process ends, so that anything left
 * is a leak, and an object without an owner fails the engine's own check. */
#include "invocation/invocation.h"

#ifdef FN_SANITIZE

#include <signal.h>
#include <stdlib.h>
#include "web/html/html.h"

static void drop_invocations(fn_worker *worker) {
    fn_timers_end(worker->ctx, true, NULL, NULL);
    fn_background_free(worker);
    for (size_t i = 0; i < FN_TABLE_SIZE; i++) {
        while (worker->table[i] != NULL) {
            fn_invocation_drop(worker, worker->table[i]);
        }
    }
    fn_fetches_drop(worker, NULL);
    fn_rejections_drop(worker, NULL);
    uv_run(&worker->loop, UV_RUN_NOWAIT); /* frees the timers */
}

void fn_teardown(fn_worker *worker, int status) {
    signal(SIGPROF, SIG_IGN); /* a tick would write to the freed context */
    uv_poll_stop(&worker->poll);
    uv_prepare_stop(&worker->prepare);
    uv_check_stop(&worker->check);
    uv_idle_stop(&worker->idle);
    uv_timer_stop(&worker->grace_timer);
    /* Inside a call or a load, callers further up still own values. */
    if (worker->ready && worker->depth == 0) {
        drop_invocations(worker);
        fn_engine_free(worker);
    }
    fn_paths_free(&worker->paths);
    fn_ipc_free(&worker->ipc);
    exit(status);
}

#endif
