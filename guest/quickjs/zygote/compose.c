/* Assembles the worker: which directory implements the hooks of the one below it, and in which
 * order they are initialized. */
#include "invocation/invocation.h"
#include "node/node.h"
#include "web/web.h"
#include "zygote/zygote.h"

static const fn_core_hooks core_hooks = {
    .stopped = fn_invocation_stopped,
    .jobs_ran = fn_jobs_ran,
    .flush = fn_loop_flush,
    .timer_waits = fn_leftover_timer_waits,
    .uncaught = fn_report_uncaught,
    .out_of_memory = fn_invocation_out_of_memory,
    .seal_imports = fn_bundle_imports_init,
    .end_processes = fn_child_processes_end,
};

static const fn_web_host web_host = {
    .body_consumed = fn_host_body_consumed,
    .body_cancelled = fn_host_body_cancelled,
    .stream_chunk = fn_host_pump_chunk,
    .stream_end = fn_host_pump_end,
    .stream_error = fn_host_pump_error,
    .fetch = fn_host_fetch,
    .fetch_cancel = fn_host_fetch_cancel,
};

int fn_worker_init(fn_worker *worker) {
    int err = fn_engine_init(worker, &core_hooks);
    if (err != 0) {
        return err;
    }
    fn_rejections_init(worker);
    if (fn_context_init(worker) != 0 || fn_files_init(worker) != 0 ||
        fn_child_processes_init(worker) != 0 || fn_zlib_init(worker) != 0) {
        return UV_ENOMEM;
    }
    return fn_web_init(worker->ctx, &web_host);
}

int fn_worker_after_fork(fn_worker *worker) {
    int err = fn_engine_after_fork(worker);
    return err != 0 ? err : fn_web_after_fork(worker->ctx);
}
