/* Dispatches the messages that the host sends to a ready worker. The host is trusted, so an invalid
 * message is a bug and ends the worker at once. */
#include "invocation/invocation.h"

#include <string.h>
#include "core/json_out.h"

typedef struct {
    const char *type;
    /* About an invocation; NULL if the type is never about one. `invocation` is NULL if it has
     * ended, which its sender could not know yet. */
    void (*on_invocation)(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame);
    /* About a fetch that runs; NULL if the type is never about one. */
    void (*on_fetch)(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
    /* About the worker itself, or the start of an invocation. */
    void (*on_worker)(fn_worker *worker, const fn_frame *frame);
} fn_message_type;

static void on_cancel(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    const char *reason = yyjson_get_str(yyjson_obj_get(frame->root, "reason"));
    if (invocation != NULL) {
        fn_request_cancel(worker, invocation, reason == NULL ? "cancelled" : reason);
    }
}

static void on_disconnect(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    const char *reason = yyjson_get_str(yyjson_obj_get(frame->root, "reason"));
    if (invocation != NULL) {
        fn_request_disconnect(worker, invocation, reason == NULL ? "disconnected" : reason);
    }
}

static void on_credit(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    uint64_t bytes = fn_frame_uint(frame, "bytes");
    if (invocation != NULL) {
        fn_body_out_credit(worker, &invocation->out, bytes);
    }
}

static void on_ping(fn_worker *worker, const fn_frame *frame) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "pong");
    fn_buffer_text(out, ",\"n\":");
    fn_json_uint(out, fn_frame_uint(frame, "n"));
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        fn_worker_exit(worker, FN_EXIT_BREACH, false);
    }
}

static void on_shutdown(fn_worker *worker, const fn_frame *frame) {
    size_t len;
    const char *reason = fn_frame_text(frame, "reason", &len);
    fn_loop_shutdown(worker, fn_frame_uint(frame, "grace_ms"), reason, len);
}

static const fn_message_type types[] = {
    {"invoke", .on_worker = fn_request_start},
    {"chunk", .on_invocation = fn_request_chunk, .on_fetch = fn_fetch_chunk},
    {"end", .on_invocation = fn_request_end, .on_fetch = fn_fetch_end},
    {"credit", .on_invocation = on_credit, .on_fetch = fn_fetch_credit},
    {"cancel", .on_invocation = on_cancel, .on_fetch = fn_fetch_unwanted},
    {"disconnect", .on_invocation = on_disconnect},
    {"fetch-response", .on_fetch = fn_fetch_response},
    {"fetch-error", .on_fetch = fn_fetch_error},
    {"ping", .on_worker = on_ping},
    {"shutdown", .on_worker = on_shutdown},
};

static const fn_message_type *find_type(const fn_frame *frame) {
    const char *name = yyjson_get_str(yyjson_obj_get(frame->root, "type"));
    if (name == NULL) {
        fn_worker_breach("a message without a type");
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].type, name) == 0) {
            return &types[i];
        }
    }
    fn_worker_breach("an unknown message");
}

/* The invocation of a message; NULL if it has ended, which its sender could not know yet. */
static fn_invocation *find_invocation(fn_worker *worker, const fn_frame *frame) {
    uint64_t id = fn_frame_uint(frame, "id");
    if (id > worker->last_id) {
        fn_worker_breach("an id that was never used");
    }
    return fn_invocation_find(worker, (uint32_t)id);
}

/* The fetch of a message; NULL if it has ended, which its sender could not know yet. */
static fn_fetch *find_fetch(fn_worker *worker, const fn_frame *frame) {
    fn_body_id id = fn_body_id_of(frame->root);
    if ((id & ~FN_BODY_OF_FETCH) > worker->last_fetch) {
        fn_worker_breach("the id of a fetch that was never sent");
    }
    fn_fetch *fetch = fn_fetch_find(worker, id);
    return fetch != NULL && fn_invocation_live(fetch->out.invocation) ? fetch : NULL;
}

void fn_message(fn_worker *worker, const fn_frame *frame) {
    const fn_message_type *type = find_type(frame);
    if (yyjson_is_str(yyjson_obj_get(frame->root, "id"))) {
        fn_fetch *fetch = find_fetch(worker, frame);
        if (type->on_fetch == NULL) {
            fn_worker_breach("an unknown message about a fetch");
        }
        if (fetch != NULL) {
            type->on_fetch(worker, fetch, frame);
        }
    } else if (type->on_worker != NULL) {
        type->on_worker(worker, frame);
    } else if (type->on_invocation != NULL) {
        type->on_invocation(worker, find_invocation(worker, frame), frame);
    } else {
        fn_worker_breach("a fetch message without the id of a fetch");
    }
}
