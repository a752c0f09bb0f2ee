/* Sends the head of a response with as much of its body as fits into one frame. */
#include "invocation/invocation.h"

#include <stdlib.h>
#include <string.h>
#include "core/json_out.h"

static void out_of_memory(fn_worker *worker, fn_invocation *invocation) {
    (void)worker;
    invocation->stop = FN_STOP_MEMORY;
}

bool fn_headers_put(fn_buffer *out, const fn_headers *headers, const char *replaced,
                    uint64_t length) {
    size_t total = 0;
    size_t count = replaced == NULL ? 0 : 1;
    bool first = true;
    fn_buffer_text(out, ",\"headers\":[");
    for (size_t i = 0; i < fn_headers_count(headers); i++) {
        const char *name;
        const uint8_t *value;
        size_t name_len, value_len;
        fn_headers_at(headers, i, &name, &name_len, &value, &value_len);
        if (replaced != NULL && strlen(replaced) == name_len &&
            memcmp(replaced, name, name_len) == 0) {
            continue;
        }
        total += name_len + value_len;
        if (total > FN_MAX_HEADERS_BYTES || ++count > FN_MAX_HEADERS) {
            return false;
        }
        fn_buffer_text(out, first ? "[" : ",[");
        first = false;
        fn_json_utf8(out, name, name_len);
        fn_buffer_put(out, ",", 1);
        fn_json_bytes(out, value, value_len);
        fn_buffer_put(out, "]", 1);
    }
    if (replaced != NULL) {
        fn_buffer_text(out, first ? "[" : ",[");
        fn_json_utf8(out, replaced, strlen(replaced));
        fn_buffer_text(out, ",\"");
        fn_json_uint(out, length);
        fn_buffer_text(out, "\"]");
    }
    fn_buffer_put(out, "]", 1);
    return true;
}

static void send_head(fn_worker *worker, fn_invocation *invocation, const fn_response_view *view) {
    fn_body_out *body = &invocation->out;
    size_t inline_len = fn_body_out_sendable(body, body->len);
    bool end = view->body.kind != FN_BODY_STREAM && inline_len == body->len;
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "response");
    fn_buffer_text(out, ",\"id\":");
    fn_json_uint(out, invocation->id);
    fn_buffer_text(out, ",\"status\":");
    fn_json_uint(out, (uint64_t)view->status);
    bool fits = fn_headers_put(out, view->headers, NULL, 0);
    fn_buffer_text(out, end ? ",\"end\":true" : ",\"end\":false");
    if (!end && view->body.kind == FN_BODY_BYTES) {
        fn_buffer_text(out, ",\"length\":");
        fn_json_uint(out, body->len);
    }
    if (!fits || fn_ipc_line_len(&worker->ipc) > FN_MAX_LINE_BYTES - FN_HEAD_RESERVE_BYTES) {
        fn_ipc_abandon(&worker->ipc);
        fn_invocation_fail(worker, invocation, "INVALID_RESPONSE",
                           "The response has more than 2,000 headers, or more than 64 KiB of them.",
                           NULL);
        return;
    }
    if (fn_ipc_end(&worker->ipc, body->bytes, inline_len) != 0) {
        out_of_memory(worker, invocation);
        return;
    }
    invocation->deadline_ns = 0;
    invocation->state = FN_BODY;
    fn_body_out_sent(body, inline_len);
    if (end) {
        fn_invocation_responded(worker, invocation);
    } else {
        body->open = true;
        fn_body_out_pump(worker, body);
    }
}

/* Nobody reads this response: cancels its stream and sends a head without headers and body, so that
 * the host learns that the handler has ended. */
static void discard(fn_worker *worker, fn_invocation *invocation, int status) {
    JSValue reason = JS_NewString(worker->ctx, "client disconnected");
    if (JS_IsException(reason)) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    } else {
        fn_body_out_unwanted(worker, &invocation->out, reason);
    }
    JS_FreeValue(worker->ctx, reason);
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "response");
    fn_buffer_text(out, ",\"id\":");
    fn_json_uint(out, invocation->id);
    fn_buffer_text(out, ",\"status\":");
    fn_json_uint(out, (uint64_t)status);
    fn_buffer_text(out, ",\"headers\":[],\"end\":true");
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        out_of_memory(worker, invocation);
        return;
    }
    invocation->deadline_ns = 0;
    fn_invocation_responded(worker, invocation);
}

void fn_response_start(fn_worker *worker, fn_invocation *invocation, JSValueConst value) {
    if (invocation->state != FN_RUNNING || invocation->stop != FN_STOP_NONE) {
        return;
    }
    fn_response_view view = {.body = {.hold = JS_UNDEFINED, .stream_source = JS_UNDEFINED}};
    const char *why = "The handler returned no Response.";
    if (fn_web_response_read(worker->ctx, value, &view, &why) != 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
        fn_invocation_fail(worker, invocation, "INVALID_RESPONSE", why, NULL);
        return;
    }
    fn_body_out_set(&invocation->out, &view.body);
    if (invocation->disconnected) {
        discard(worker, invocation, view.status);
    } else {
        send_head(worker, invocation, &view);
    }
}
