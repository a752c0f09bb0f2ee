/* The host's messages to a ready worker: for any messages in any order, the worker ends for a
 * breach or continues, and its own output follows the protocol. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDLER "fuzz/handler.js"
#define COLLECT_EVERY 64 /* inputs */
#define MOST_BYTES (256 * 1024)
#define MOST_INVOCATIONS 64

static fn_worker *worker;

static void make_worker(void) {
    worker = fn_fuzz_worker();
    worker->limits.allow_filesystem = false;
    if (fn_loop_init(worker) != 0) {
        abort();
    }
    JSValue exports = fn_fuzz_load(HANDLER);
    worker->handler_this = JS_GetPropertyStr(worker->ctx, exports, "default");
    worker->handler = JS_GetPropertyStr(worker->ctx, worker->handler_this, "fetch");
    worker->handler_is_fetch = true;
    worker->function_name = JS_NewString(worker->ctx, "fuzz");
    worker->version = JS_NewString(worker->ctx, "v1");
    worker->project = JS_NewString(worker->ctx, "default");
    worker->ready = true;
    JS_FreeValue(worker->ctx, exports);
}

static void handle(void *opaque) {
    (void)opaque;
    fn_frame frame;
    int result;
    while ((result = fn_ipc_next(&worker->ipc, &frame)) == 1) {
        fn_message(worker, &frame);
        fn_ipc_frame_free(&worker->ipc);
        for (int turns = 0; turns < 8 && JS_IsJobPending(worker->rt); turns++) {
            fn_jobs_run(worker);
        }
    }
}

static _Noreturn void bad(const char *what, const uint8_t *bytes, size_t len) {
    fprintf(stderr, "messages: %s:\n%.*s\n", what, (int)(len < 2000 ? len : 2000), bytes);
    abort();
}

/* `done` is the last message of each invocation, and is sent once. What it left behind may log. */
static void check_order(const fn_frame *frame, uint64_t *over, size_t *count,
                        const fn_buffer *out) {
    yyjson_val *value = yyjson_obj_get(frame->root, "id");
    if (!yyjson_is_uint(value) || yyjson_equals_str(yyjson_obj_get(frame->root, "type"), "log")) {
        return;
    }
    uint64_t id = yyjson_get_uint(value);
    for (size_t i = 0; i < *count; i++) {
        if (over[i] == id) {
            bad("a message of an invocation that has ended", out->data, out->len);
        }
    }
    if (yyjson_equals_str(yyjson_obj_get(frame->root, "type"), "done") &&
        *count < MOST_INVOCATIONS) {
        over[(*count)++] = id;
    }
}

/* A breach may have happened inside a message. */
static void check_output(const fn_buffer *out, bool broken) {
    static const char *const types[] = {"response", "chunk", "end", "credit", "cancel",    "error",
                                        "done",     "pong",  "log", "fetch",  "background"};
    fn_ipc back = {.fd = -1};
    fn_frame frame;
    uint64_t over[MOST_INVOCATIONS];
    size_t count = 0;
    int result;
    if (fn_ipc_unread(&back, out->data, out->len) != 0) {
        abort();
    }
    while ((result = fn_ipc_next(&back, &frame)) == 1) {
        yyjson_val *type = yyjson_obj_get(frame.root, "type");
        bool known = false;
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            known = known || yyjson_equals_str(type, types[i]);
        }
        if (!known) {
            bad("an unknown message", out->data, out->len);
        }
        check_order(&frame, over, &count, out);
        fn_ipc_frame_free(&back);
    }
    if (result < 0 || (!broken && back.in_start != back.in.len)) {
        bad("output that is not frames", out->data, out->len);
    }
    fn_ipc_free(&back);
}

/* Resets the worker; a breach may have happened anywhere. */
static void reset(void) {
    worker->depth = 0;
    fn_budget_switch(worker, NULL);
    JS_SetAsyncContext(worker->rt, JS_UNDEFINED);
    JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    worker->finished = NULL;
    for (size_t i = 0; i < FN_TABLE_SIZE; i++) {
        while (worker->table[i] != NULL) {
            fn_invocation_drop(worker, worker->table[i]);
        }
    }
    fn_rejections_drop(worker, NULL);
    JSContext *ctx;
    while (JS_HasParkedJobs(worker->rt)) {
        JS_UnparkJob(worker->rt);
    }
    while (JS_IsJobPending(worker->rt)) {
        JS_ExecutePendingJob(worker->rt, &ctx); /* the jobs of dropped invocations */
    }
    fn_budget_switch(worker, NULL);
    fn_ipc_free(&worker->ipc);
    worker->ipc = (fn_ipc){.fd = -1};
    worker->last_id = worker->last_fetch = 0;
    worker->shutting_down = worker->rejections_reported = false;
    worker->logs_dropped = 0;
    worker->background.lost = false;
}

void fn_fuzz_messages(const uint8_t *data, size_t len) {
    static size_t inputs;
    if (worker == NULL) {
        make_worker();
    }
    if (len > MOST_BYTES || fn_ipc_unread(&worker->ipc, data, len) != 0) {
        return;
    }
    bool broken = fn_fuzz_until_breach(handle, NULL);
    check_output(&worker->ipc.out, broken);
    reset();
    if (++inputs % COLLECT_EVERY == 0) {
        JS_RunGC(worker->rt);
    }
}
