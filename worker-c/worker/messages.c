/* What the host sends to a ready worker. The host is trusted, so what is wrong is a bug and ends
 * the worker at once. */
#include "worker.h"

#include <string.h>
#include "json_out.h"

static uint64_t get_uint(const fn_frame *frame, const char *key) {
    yyjson_val *value = yyjson_obj_get(frame->root, key);
    if (!yyjson_is_uint(value)) {
        fn_worker_breach(key);
    }
    return yyjson_get_uint(value);
}

/* The invocation of a message; NULL where it has ended, which its sender could not know yet. */
static fn_invocation *addressed(fn_worker *worker, const fn_frame *frame) {
    uint64_t id = get_uint(frame, "id");
    if (id > worker->last_id) {
        fn_worker_breach("an id that was never used");
    }
    return fn_invocation_find(worker, (uint32_t)id);
}

static void on_credit(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    uint64_t bytes = get_uint(frame, "bytes");
    if (invocation == NULL) {
        return;
    }
    if (bytes > FN_CREDIT - invocation->out.credit) {
        fn_worker_breach("credit for bytes that were not sent");
    }
    invocation->out.credit += (uint32_t)bytes;
    fn_response_pump(worker, invocation);
    fn_jobs_run(worker);
}

static void on_cancel(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    const char *reason = yyjson_get_str(yyjson_obj_get(frame->root, "reason"));
    if (invocation != NULL) {
        fn_request_cancel(worker, invocation, reason == NULL ? "cancelled" : reason);
    }
}

static void on_ping(fn_worker *worker, const fn_frame *frame) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "pong");
    fn_buffer_text(out, ",\"n\":");
    fn_json_uint(out, get_uint(frame, "n"));
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        fn_worker_exit(worker, FN_EXIT_BREACH, false);
    }
}

void fn_message(fn_worker *worker, const fn_frame *frame) {
    const char *type = yyjson_get_str(yyjson_obj_get(frame->root, "type"));
    if (type == NULL) {
        fn_worker_breach("a message without a type");
    }
    if (strcmp(type, "invoke") == 0) {
        fn_request_start(worker, frame);
    } else if (strcmp(type, "chunk") == 0) {
        fn_request_chunk(worker, addressed(worker, frame), frame);
    } else if (strcmp(type, "end") == 0) {
        fn_request_end(worker, addressed(worker, frame));
    } else if (strcmp(type, "credit") == 0) {
        on_credit(worker, addressed(worker, frame), frame);
    } else if (strcmp(type, "cancel") == 0) {
        on_cancel(worker, addressed(worker, frame), frame);
    } else if (strcmp(type, "ping") == 0) {
        on_ping(worker, frame);
    } else if (strcmp(type, "shutdown") == 0) {
        fn_loop_shutdown(worker, get_uint(frame, "grace_ms"));
    } else {
        fn_worker_breach("an unknown message");
    }
}
