/* A response on its way to the host: the head, then the body as far as credit goes. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>
#include "json_out.h"

#define MAX_HEADERS (64 * 1024) /* names and values, together */

static void out_of_memory(fn_worker *worker, fn_invocation *invocation) {
    (void)worker;
    invocation->stop = FN_STOP_MEMORY;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* What may be sent now of `len` bytes. */
static size_t sendable(const fn_invocation *invocation, size_t len) {
    return smaller(smaller(len, FN_IPC_MAX_BYTES), invocation->out.credit);
}

static bool put_headers(fn_buffer *out, const fn_headers *headers) {
    size_t total = 0;
    fn_buffer_text(out, ",\"headers\":[");
    for (size_t i = 0; i < fn_headers_count(headers); i++) {
        const char *name;
        const uint8_t *value;
        size_t name_len, value_len;
        fn_headers_at(headers, i, &name, &name_len, &value, &value_len);
        total += name_len + value_len;
        if (total > MAX_HEADERS) {
            return false;
        }
        fn_buffer_text(out, i == 0 ? "[" : ",[");
        fn_json_utf8(out, name, name_len);
        fn_buffer_put(out, ",", 1);
        fn_json_bytes(out, value, value_len);
        fn_buffer_put(out, "]", 1);
    }
    fn_buffer_put(out, "]", 1);
    return true;
}

/* The head, with as much of a body that is there as one frame holds. */
static void send_head(fn_worker *worker, fn_invocation *invocation, const fn_response_view *view) {
    fn_body_out *body = &invocation->out;
    size_t inline_len = sendable(invocation, body->len);
    bool end = view->kind != FN_BODY_STREAM && inline_len == body->len;
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "response");
    fn_buffer_text(out, ",\"id\":");
    fn_json_uint(out, invocation->id);
    fn_buffer_text(out, ",\"status\":");
    fn_json_uint(out, (uint64_t)view->status);
    bool fits = put_headers(out, view->headers);
    fn_buffer_text(out, end ? ",\"end\":true" : ",\"end\":false");
    if (!fits || fn_ipc_line_len(&worker->ipc) > FN_IPC_MAX_LINE - 64) {
        fn_ipc_abandon(&worker->ipc);
        fn_invocation_fail(worker, invocation, "INVALID_RESPONSE",
                           "the response's headers are larger than 64 KiB", NULL);
        return;
    }
    if (fn_ipc_end(&worker->ipc, body->bytes, inline_len) != 0) {
        out_of_memory(worker, invocation);
        return;
    }
    invocation->deadline_ns = 0;
    invocation->state = FN_BODY;
    body->credit -= (uint32_t)inline_len;
    body->bytes += inline_len;
    body->len -= inline_len;
    if (end) {
        fn_invocation_responded(worker, invocation);
    } else {
        fn_response_pump(worker, invocation);
    }
}

void fn_response_start(fn_worker *worker, fn_invocation *invocation, JSValueConst value) {
    if (invocation->state != FN_RUNNING || invocation->stop != FN_STOP_NONE) {
        return;
    }
    fn_response_view view = {.hold = JS_UNDEFINED, .stream = JS_UNDEFINED};
    const char *why = "the handler returned no Response";
    if (fn_web_response_read(worker->ctx, value, &view, &why) != 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
        fn_invocation_fail(worker, invocation, "INVALID_RESPONSE", why, NULL);
        return;
    }
    fn_body_out *body = &invocation->out;
    body->hold = view.hold;
    body->pump = view.stream;
    body->bytes = view.kind == FN_BODY_BYTES ? view.bytes : (const uint8_t *)"";
    body->len = view.kind == FN_BODY_BYTES ? view.len : 0;
    body->ended = view.kind != FN_BODY_STREAM;
    send_head(worker, invocation, &view);
}

static void send_end(fn_worker *worker, fn_invocation *invocation) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "end");
    fn_buffer_text(out, ",\"id\":");
    fn_json_uint(out, invocation->id);
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        out_of_memory(worker, invocation);
        return;
    }
    fn_invocation_responded(worker, invocation);
}

/* Sends of `bytes` what credit allows; returns how much that was. */
static size_t send_chunks(fn_worker *worker, fn_invocation *invocation, const uint8_t *bytes,
                          size_t len) {
    size_t sent = 0;
    while (sent < len && invocation->out.credit > 0) {
        size_t count = sendable(invocation, len - sent);
        fn_buffer *out = fn_ipc_begin(&worker->ipc, "chunk");
        fn_buffer_text(out, ",\"id\":");
        fn_json_uint(out, invocation->id);
        if (fn_ipc_end(&worker->ipc, bytes + sent, count) != 0) {
            out_of_memory(worker, invocation);
            break;
        }
        invocation->out.credit -= (uint32_t)count;
        sent += count;
    }
    return sent;
}

/* Asks the stream for more as long as it answers at once and there is credit for the answer. */
static void ask_pump(fn_worker *worker, fn_invocation *invocation) {
    fn_body_out *body = &invocation->out;
    if (body->pumping) {
        return;
    }
    body->pumping = true;
    while (invocation->stop == FN_STOP_NONE && invocation->state == FN_BODY && !body->asked &&
           !body->ended && body->len == 0 && body->credit > 0) {
        body->asked = true;
        if (fn_web_pump_next(worker->ctx, body->pump, invocation->id) < 0) {
            JSValue error = JS_GetException(worker->ctx);
            fn_invocation_throw(worker, invocation, error);
            JS_FreeValue(worker->ctx, error);
            break;
        }
    }
    body->pumping = false;
}

/* Credit came, or the body began. */
void fn_response_pump(fn_worker *worker, fn_invocation *invocation) {
    fn_body_out *body = &invocation->out;
    if (invocation->state != FN_BODY || invocation->stop != FN_STOP_NONE) {
        return;
    }
    size_t sent = send_chunks(worker, invocation, body->bytes, body->len);
    body->bytes += sent;
    body->len -= sent;
    if (body->len > 0) {
        return;
    }
    if (body->ended) {
        send_end(worker, invocation);
    } else {
        fn_scope scope = fn_enter(worker, invocation);
        ask_pump(worker, invocation);
        fn_leave(worker, scope);
    }
}

void fn_response_free(fn_worker *worker, fn_invocation *invocation) {
    fn_body_out *body = &invocation->out;
    JS_FreeValue(worker->ctx, body->hold);
    JS_FreeValue(worker->ctx, body->pump);
    body->hold = body->pump = JS_UNDEFINED;
    body->bytes = NULL;
    body->len = 0;
    fn_buffer_free(&body->rest);
}

/* The invocation whose pump answers, or NULL where that answer comes too late. */
static fn_invocation *answered(fn_worker *worker, uint32_t id) {
    fn_invocation *invocation = fn_invocation_find(worker, id);
    if (invocation == NULL || invocation->state != FN_BODY || !invocation->out.asked ||
        invocation->stop != FN_STOP_NONE) {
        return NULL;
    }
    invocation->out.asked = false;
    return invocation;
}

void fn_host_pump_chunk(JSContext *ctx, uint32_t id, const uint8_t *bytes, size_t len) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = answered(worker, id);
    if (invocation == NULL) {
        return;
    }
    fn_body_out *body = &invocation->out;
    size_t sent = send_chunks(worker, invocation, bytes, len);
    if (sent < len) {
        /* The chunk is the stream's again when this returns. */
        body->rest.len = 0;
        fn_buffer_put(&body->rest, bytes + sent, len - sent);
        if (body->rest.failed) {
            out_of_memory(worker, invocation);
            return;
        }
        body->bytes = body->rest.data;
        body->len = body->rest.len;
        return;
    }
    ask_pump(worker, invocation);
}

void fn_host_pump_end(JSContext *ctx, uint32_t id) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = answered(worker, id);
    if (invocation != NULL) {
        invocation->out.ended = true;
        send_end(worker, invocation);
    }
}

void fn_host_pump_error(JSContext *ctx, uint32_t id, JSValueConst error) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = answered(worker, id);
    if (invocation != NULL) {
        invocation->out.ended = true;
        fn_invocation_throw(worker, invocation, error);
    }
}
