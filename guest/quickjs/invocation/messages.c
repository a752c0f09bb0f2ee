/* What the host sends to a ready worker. The host is trusted, so what is wrong is a bug and ends
 * the worker at once. */
#include "invocation/invocation.h"

#include <string.h>
#include "core/json_out.h"

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

/* The fetch of a message; NULL where it has ended, which its sender could not know yet. */
static fn_fetch *addressed_fetch(fn_worker *worker, fn_body_id id) {
    if ((id & ~FN_BODY_OF_FETCH) > worker->last_fetch) {
        fn_worker_breach("a fetch that was never asked for");
    }
    fn_fetch *fetch = fn_fetch_find(worker, id);
    return fetch != NULL && fn_invocation_live(fetch->out.invocation) ? fetch : NULL;
}

/* False where it is a message about something else. */
static bool on_fetch(fn_worker *worker, const char *type, const fn_frame *frame) {
    static const struct {
        const char *type;
        void (*run)(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
    } messages[] = {
        {"fetch-response", fn_fetch_response},
        {"fetch-error", fn_fetch_error},
        {"chunk", fn_fetch_chunk},
        {"end", fn_fetch_end},
        {"credit", fn_fetch_credit},
        {"cancel", fn_fetch_unwanted},
    };
    if (!yyjson_is_str(yyjson_obj_get(frame->root, "id"))) {
        return false;
    }
    fn_fetch *fetch = addressed_fetch(worker, fn_body_id_of(frame->root));
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (strcmp(messages[i].type, type) == 0) {
            if (fetch != NULL) {
                messages[i].run(worker, fetch, frame);
            }
            return true;
        }
    }
    fn_worker_breach("an unknown message about a fetch");
}

static void on_credit(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    uint64_t bytes = get_uint(frame, "bytes");
    if (invocation != NULL) {
        fn_body_out_credit(worker, &invocation->out, bytes);
    }
}

void fn_message(fn_worker *worker, const fn_frame *frame) {
    const char *type = yyjson_get_str(yyjson_obj_get(frame->root, "type"));
    if (type == NULL) {
        fn_worker_breach("a message without a type");
    }
    if (on_fetch(worker, type, frame)) {
        return;
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
