/* Sends a body to the host, a response's or a fetch's: the bytes in memory, then what its stream
 * produces, as far as credit allows. */
#include "invocation/invocation.h"

#include "core/json_out.h"

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

void fn_body_out_init(fn_body_out *out, fn_body_id id, fn_invocation *invocation) {
    *out = (fn_body_out){.id = id,
                         .invocation = invocation,
                         .credit = FN_CREDIT_WINDOW_BYTES,
                         .hold = JS_UNDEFINED,
                         .pump = JS_UNDEFINED};
}

void fn_body_out_set(fn_body_out *out, const fn_body_view *view) {
    out->hold = view->hold;
    out->pump = view->stream_source;
    out->bytes = view->kind == FN_BODY_BYTES ? view->bytes : (const uint8_t *)"";
    out->len = view->kind == FN_BODY_BYTES ? view->len : 0;
    out->ended = view->kind != FN_BODY_STREAM;
}

void fn_body_out_free(fn_worker *worker, fn_body_out *out) {
    fn_host_undefer(worker->ctx, &out->deferred);
    JS_FreeValue(worker->ctx, out->hold);
    JS_FreeValue(worker->ctx, out->pump);
    out->hold = out->pump = JS_UNDEFINED;
    out->bytes = NULL;
    out->len = 0;
    out->open = false;
    fn_buffer_free(&out->rest);
}

size_t fn_body_out_sendable(const fn_body_out *out, size_t len) {
    return smaller(smaller(len, FN_MAX_PAYLOAD_BYTES), out->credit);
}

void fn_body_out_sent(fn_body_out *out, size_t len) {
    out->credit -= (uint32_t)len;
    out->bytes += len;
    out->len -= len;
}

static void out_of_memory(fn_body_out *out) {
    out->invocation->stop = FN_STOP_MEMORY;
}

static void finish(fn_worker *worker, fn_body_out *out) {
    out->open = false;
    if (fn_body_id_is_fetch(out->id)) {
        fn_fetch_uploaded(worker, out->id);
    } else {
        fn_invocation_responded(worker, out->invocation);
    }
}

static void fail(fn_worker *worker, fn_body_out *out, JSValueConst error) {
    if (fn_body_id_is_fetch(out->id)) {
        fn_fetch_upload_failed(worker, out->id, error);
    } else {
        fn_invocation_throw(worker, out->invocation, error);
    }
}

static void send_end(fn_worker *worker, fn_body_out *out) {
    fn_buffer *line = fn_ipc_begin(&worker->ipc, "end");
    fn_body_id_put(line, out->id);
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        out_of_memory(out);
        return;
    }
    finish(worker, out);
}

void fn_body_out_end(fn_worker *worker, fn_body_out *out) {
    out->ended = true;
    send_end(worker, out);
}

void fn_body_out_unwanted(fn_worker *worker, fn_body_out *out, JSValueConst reason) {
    JSContext *ctx = worker->ctx;
    if (JS_IsUndefined(out->pump)) {
        return;
    }
    JSValue pump = JS_DupValue(ctx, out->pump);
    JSValue cancelled = fn_web_stream_source_cancel(ctx, pump, reason);
    if (JS_IsException(cancelled) ||
        (JS_IsObject(cancelled) && fn_context_hold(worker, out->invocation, cancelled) != 0)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, cancelled);
    JS_FreeValue(ctx, pump);
}

/* Sends as much of `bytes` as credit allows; returns how much. */
static size_t send_chunks(fn_worker *worker, fn_body_out *out, const uint8_t *bytes, size_t len) {
    size_t sent = 0;
    while (sent < len && out->credit > 0) {
        size_t count = fn_body_out_sendable(out, len - sent);
        fn_body_id_put(fn_ipc_begin(&worker->ipc, "chunk"), out->id);
        if (fn_ipc_end(&worker->ipc, bytes + sent, count) != 0) {
            out_of_memory(out);
            break;
        }
        out->credit -= (uint32_t)count;
        sent += count;
    }
    return sent;
}

/* Background work may run again. Only the upload of a fetch can outlive its invocation. */
static void on_deferred(fn_deferred *deferred) {
    fn_body_out *out = (fn_body_out *)(void *)((char *)deferred - offsetof(fn_body_out, deferred));
    fn_body_out_pump(out->worker, out);
    fn_jobs_run(out->worker);
}

/* Asks the stream for more until it does not answer at once or there is no credit for its answer.
 */
static void ask_pump(fn_worker *worker, fn_body_id id, fn_body_out *out) {
    if (out->pumping) {
        return;
    }
    if (!fn_background_may_run(worker, out->invocation)) {
        out->worker = worker;
        fn_host_defer(worker->ctx, &out->deferred, on_deferred);
        return;
    }
    out->pumping = true;
    while (out->invocation->stop == FN_STOP_NONE && out->open && !out->asked && !out->ended &&
           out->len == 0 && out->credit > 0) {
        out->asked = true;
        JSValue pump = JS_DupValue(worker->ctx, out->pump);
        int err = fn_web_stream_source_next(worker->ctx, pump, id);
        JS_FreeValue(worker->ctx, pump);
        out = fn_body_out_find(worker, id);
        if (out == NULL) {
            JS_FreeValue(worker->ctx, err < 0 ? JS_GetException(worker->ctx) : JS_UNDEFINED);
            return; /* the fetch has ended */
        }
        if (err < 0) {
            JSValue error = JS_GetException(worker->ctx);
            out->pumping = false;
            fail(worker, out, error);
            JS_FreeValue(worker->ctx, error);
            return;
        }
    }
    out->pumping = false;
}

void fn_body_out_pump(fn_worker *worker, fn_body_out *out) {
    if (!out->open || out->invocation->stop != FN_STOP_NONE) {
        return;
    }
    size_t sent = send_chunks(worker, out, out->bytes, out->len);
    out->bytes += sent;
    out->len -= sent;
    if (out->len > 0) {
        return;
    }
    if (out->ended) {
        send_end(worker, out);
    } else {
        fn_scope scope = fn_enter(worker, out->invocation);
        ask_pump(worker, out->id, out);
        fn_leave(worker, scope);
    }
}

void fn_body_out_credit(fn_worker *worker, fn_body_out *out, uint64_t bytes) {
    if (bytes > FN_CREDIT_WINDOW_BYTES - out->credit) {
        fn_worker_breach("credit for bytes that were not sent");
    }
    out->credit += (uint32_t)bytes;
    fn_body_out_pump(worker, out);
    fn_jobs_run(worker);
}

/* The body whose pump answers, or NULL if the answer is too late. */
static fn_body_out *answered(fn_worker *worker, fn_body_id id) {
    fn_body_out *out = fn_body_out_find(worker, id);
    if (out == NULL || !out->open || !out->asked || out->invocation->stop != FN_STOP_NONE) {
        return NULL;
    }
    out->asked = false;
    return out;
}

void fn_host_pump_chunk(JSContext *ctx, fn_body_id id, const uint8_t *bytes, size_t len) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_body_out *out = answered(worker, id);
    if (out == NULL) {
        return;
    }
    size_t sent = send_chunks(worker, out, bytes, len);
    if (sent < len) {
        /* The stream owns the chunk after this function returns. */
        out->rest.len = 0;
        fn_buffer_put(&out->rest, bytes + sent, len - sent);
        if (out->rest.failed) {
            out_of_memory(out);
            return;
        }
        out->bytes = out->rest.data;
        out->len = out->rest.len;
        return;
    }
    ask_pump(worker, id, out);
}

void fn_host_pump_end(JSContext *ctx, fn_body_id id) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_body_out *out = answered(worker, id);
    if (out != NULL) {
        out->ended = true;
        send_end(worker, out);
    }
}

void fn_host_pump_error(JSContext *ctx, fn_body_id id, JSValueConst error) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_body_out *out = answered(worker, id);
    if (out != NULL) {
        out->ended = true;
        fail(worker, out, error);
    }
}
