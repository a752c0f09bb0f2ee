/* Outbound requests. The host performs them; this file keeps their state. A fetch ends with its
 * response, with an error, or when it is cancelled. If its invocation ends before, it is background
 * work; if that was stopped, it ends. */
#include "invocation/invocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json_out.h"

/* Length of an error's message. A longer one is cut. */
#define MAX_MESSAGE_BYTES 1024

fn_fetch *fn_fetch_find(fn_worker *worker, fn_body_id id) {
    fn_fetch *fetch = worker->fetches;
    while (fetch != NULL && fetch->out.id != id) {
        fetch = fetch->next;
    }
    return fetch;
}

static void free_fetch(fn_worker *worker, fn_fetch *fetch) {
    fn_fetch **link = &worker->fetches;
    while (*link != fetch) {
        link = &(*link)->next;
    }
    *link = fetch->next;
    fn_body_out_free(worker, &fetch->out);
    JS_FreeValue(worker->ctx, fetch->settle);
    JS_FreeValue(worker->ctx, fetch->feed);
    JS_FreeValue(worker->ctx, fetch->frames);
    fn_invocation_unref(fetch->out.invocation);
    free(fetch);
}

void fn_fetches_drop(fn_worker *worker, const fn_invocation *invocation) {
    for (fn_fetch *fetch = worker->fetches, *next; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (invocation == NULL || fetch->out.invocation == invocation) {
            free_fetch(worker, fetch);
        }
    }
}

/* Ends the fetch if both bodies are complete. */
static void end_if_over(fn_worker *worker, fn_fetch *fetch) {
    if (fetch->in.ended && !fetch->out.open) {
        free_fetch(worker, fetch);
    }
}

static void forget_exception(JSContext *ctx) {
    JS_FreeValue(ctx, JS_GetException(ctx));
}

static void cancel_stream(JSContext *ctx, JSValueConst pump, JSValueConst reason) {
    if (JS_IsUndefined(pump)) {
        return;
    }
    JSValue cancelled = fn_web_stream_source_cancel(ctx, pump, reason);
    if (JS_IsException(cancelled)) {
        forget_exception(ctx);
    }
    JS_FreeValue(ctx, cancelled);
}

/* Cancels the stream of the request's body because nobody reads it any more. May run scripts. */
static void cancel_upload(fn_worker *worker, fn_fetch *fetch, JSValueConst reason) {
    if (!fetch->out.open) {
        return;
    }
    fetch->out.open = false;
    JSValue pump = JS_DupValue(worker->ctx, fetch->out.pump);
    cancel_stream(worker->ctx, pump, reason);
    JS_FreeValue(worker->ctx, pump);
}

/* Calls and frees `callback`, with a response, or with undefined and an error. */
static void call_back(fn_worker *worker, JSValue callback, JSValueConst response,
                      JSValueConst error) {
    JSValueConst args[] = {response, error};
    JSValue result = JS_Call(worker->ctx, callback, JS_UNDEFINED, 2, args);
    if (JS_IsException(result)) {
        forget_exception(worker->ctx);
    }
    JS_FreeValue(worker->ctx, result);
    JS_FreeValue(worker->ctx, callback);
}

static int shown_len(size_t len) {
    return (int)(len < MAX_MESSAGE_BYTES ? len : MAX_MESSAGE_BYTES);
}

/* May run scripts, through Error.prepareStackTrace: find the fetch again after it. Nothing of the
 * tenant runs when a fetch fails, so the error has the frames of the call of fetch. */
static JSValue new_type_error(JSContext *ctx, const fn_fetch *fetch, const char *message,
                              size_t len) {
    JSValue frames = JS_DupValue(ctx, fetch->frames);
    JS_ThrowTypeError(ctx, "fetch: %.*s", shown_len(len), message);
    JSValue error = JS_GetException(ctx);
    if (JS_SetFrames(ctx, error, frames) < 0) {
        forget_exception(ctx);
    }
    JS_FreeValue(ctx, frames);
    return error;
}

static int define(JSContext *ctx, JSValueConst object, const char *name, JSValue value, int flags) {
    return JS_IsException(value) ? -1 : JS_DefinePropertyValueStr(ctx, object, name, value, flags);
}

/* Enumerable, as Node's own codes are. */
static int define_code(JSContext *ctx, JSValueConst error, const char *code, size_t len) {
    return define(ctx, error, "code", JS_NewStringLen(ctx, code, len), JS_PROP_C_W_E);
}

static int define_cause(JSContext *ctx, JSValueConst error, JSValue cause) {
    return define(ctx, error, "cause", cause, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
}

/* May run scripts, as above. `code` on the error, and `cause`, an Error with the same code:
 * libraries for Node read either. */
static int add_reason(JSContext *ctx, JSValueConst error, const char *message, size_t message_len,
                      const char *reason, size_t reason_len) {
    if (define_code(ctx, error, reason, reason_len) < 0) {
        return -1;
    }
    JS_ThrowPlainError(ctx, "%.*s", shown_len(message_len), message);
    JSValue cause = JS_GetException(ctx);
    if (JS_IsObject(cause) && define_code(ctx, cause, reason, reason_len) < 0) {
        JS_FreeValue(ctx, cause);
        return -1;
    }
    return define_cause(ctx, error, cause);
}

/* The fetch failed: rejects its promise, or errors the response body that has begun. The fetch is
 * freed before any script runs, which could otherwise end it a second time. */
static void fail(fn_worker *worker, fn_fetch *fetch, JSValueConst error) {
    JSContext *ctx = worker->ctx;
    JSValue callback = fetch->settle;
    JSValue feed = fetch->feed;
    JSValue pump = fetch->out.open ? JS_DupValue(ctx, fetch->out.pump) : JS_UNDEFINED;
    fetch->settle = fetch->feed = JS_UNDEFINED;
    free_fetch(worker, fetch);
    if (!JS_IsUndefined(callback)) {
        call_back(worker, callback, JS_UNDEFINED, error);
    } else if (!JS_IsUndefined(feed) && fn_host_body_fail(ctx, feed, error) < 0) {
        forget_exception(ctx);
    }
    cancel_stream(ctx, pump, error);
    JS_FreeValue(ctx, feed);
    JS_FreeValue(ctx, pump);
}

/* ---- from the script */

static void put_head(fn_buffer *line, const fn_fetch_init *init, bool end) {
    fn_buffer_text(line, ",\"method\":");
    fn_json_utf8(line, init->method, init->method_len);
    fn_buffer_text(line, ",\"url\":");
    fn_json_utf8(line, init->url, init->url_len);
    fn_buffer_text(line, ",\"redirect\":\"");
    fn_buffer_text(line, init->redirect);
    fn_buffer_text(line, end ? "\",\"end\":true" : "\",\"end\":false");
}

/* A body of known length is sent with content-length. */
static bool put_fetch_headers(fn_buffer *line, const fn_fetch_init *init, bool end) {
    if (end || init->body.kind != FN_BODY_BYTES) {
        return fn_headers_put(line, init->headers, NULL, 0);
    }
    return fn_headers_put(line, init->headers, "content-length", init->body.len);
}

static int ask(fn_worker *worker, fn_fetch *fetch, const fn_fetch_init *init) {
    fn_body_out *out = &fetch->out;
    size_t inline_len = fn_body_out_sendable(out, out->len);
    bool end = init->body.kind != FN_BODY_STREAM && inline_len == out->len;
    fn_buffer *line = fn_ipc_begin(&worker->ipc, "fetch");
    fn_body_id_put(line, out->id);
    fn_buffer_text(line, ",\"invocation\":");
    fn_json_uint(line, out->invocation->id);
    put_head(line, init, end);
    if (!put_fetch_headers(line, init, end) ||
        fn_ipc_line_len(&worker->ipc) > FN_MAX_LINE_BYTES - FN_HEAD_RESERVE_BYTES) {
        fn_ipc_abandon(&worker->ipc);
        JS_ThrowTypeError(worker->ctx, "fetch: the URL and the headers are too large");
        return -1;
    }
    if (fn_ipc_end(&worker->ipc, out->bytes, inline_len) != 0) {
        JS_ThrowOutOfMemory(worker->ctx);
        return -1;
    }
    fn_body_out_sent(out, inline_len);
    out->open = !end;
    return 0;
}

static fn_fetch *new_fetch(fn_worker *worker, fn_invocation *invocation, JSValueConst callback) {
    fn_fetch *fetch = calloc(1, sizeof(*fetch));
    if (fetch == NULL) {
        JS_ThrowOutOfMemory(worker->ctx);
        return NULL;
    }
    fn_body_out_init(&fetch->out, FN_BODY_OF_FETCH | (worker->last_fetch + 1u),
                     fn_invocation_ref(invocation));
    fetch->settle = JS_DupValue(worker->ctx, callback);
    fetch->feed = JS_UNDEFINED;
    fetch->frames = JS_CaptureFrames(worker->ctx);
    if (JS_IsException(fetch->frames)) {
        forget_exception(worker->ctx);
        fetch->frames = JS_UNDEFINED;
    }
    fetch->next = worker->fetches;
    worker->fetches = fetch;
    return fetch;
}

/* Without the query and what follows it, which may hold secrets. */
static void set_label(fn_fetch *fetch, const fn_fetch_init *init) {
    size_t len = 0;
    while (len < init->url_len && init->url[len] != '?' && init->url[len] != '#') {
        len++;
    }
    size_t most = sizeof(fetch->label);
    snprintf(fetch->label, most, "%.*s %.*s",
             (int)(init->method_len < most ? init->method_len : most), init->method,
             (int)(len < most ? len : most), init->url);
}

/* The running invocation, or NULL with a TypeError. What the bundle started runs for no request. */
static fn_invocation *asking(fn_worker *worker) {
    fn_invocation *invocation = worker->current;
    if (invocation == NULL || (invocation->load && !worker->ready)) {
        JS_ThrowTypeError(worker->ctx, "fetch: it was called while the bundle loads: "
                                       "call it in the handler, or later");
        return NULL;
    }
    if (!fn_invocation_live(invocation)) {
        JS_ThrowTypeError(worker->ctx, "fetch: the request that it belongs to was stopped");
        return NULL;
    }
    return invocation;
}

uint32_t fn_host_fetch(JSContext *ctx, fn_fetch_init *init, JSValueConst callback) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = asking(worker);
    fn_fetch *fetch = invocation == NULL ? NULL : new_fetch(worker, invocation, callback);
    if (fetch == NULL) {
        JS_FreeValue(ctx, init->body.hold);
        JS_FreeValue(ctx, init->body.stream_source);
        return 0;
    }
    fn_body_out_set(&fetch->out, &init->body);
    set_label(fetch, init);
    fetch->no_body = init->method_len == 4 && memcmp(init->method, "HEAD", 4) == 0;
    if (ask(worker, fetch, init) < 0) {
        free_fetch(worker, fetch);
        return 0;
    }
    uint32_t number = ++worker->last_fetch;
    /* Reads the first chunks of a stream now, so that the stream is locked when this returns. */
    fn_body_out_pump(worker, &fetch->out);
    return number;
}

void fn_host_fetch_cancel(JSContext *ctx, uint32_t number, JSValueConst reason) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_fetch *fetch = fn_fetch_find(worker, FN_BODY_OF_FETCH | number);
    if (fetch != NULL) {
        fn_send_cancel(worker, fetch->out.id, "aborted");
        fail(worker, fetch, reason);
    }
}

/* ---- from the pump */

void fn_fetch_uploaded(fn_worker *worker, fn_body_id id) {
    fn_fetch *fetch = fn_fetch_find(worker, id);
    if (fetch != NULL) {
        end_if_over(worker, fetch);
    }
}

void fn_fetch_upload_failed(fn_worker *worker, fn_body_id id, JSValueConst cause) {
    static const char message[] = "the stream of the body failed";
    fn_fetch *fetch = fn_fetch_find(worker, id);
    if (fetch == NULL) {
        return;
    }
    fetch->out.open = false;
    fn_send_cancel(worker, fetch->out.id, "aborted");
    JSValue error = new_type_error(worker->ctx, fetch, message, sizeof(message) - 1);
    if (JS_IsObject(error) &&
        define_cause(worker->ctx, error, JS_DupValue(worker->ctx, cause)) < 0) {
        forget_exception(worker->ctx);
    }
    fetch = fn_fetch_find(worker, id);
    if (fetch != NULL) {
        fail(worker, fetch, error);
    }
    JS_FreeValue(worker->ctx, error);
}

/* ---- from the host */

static JSValue make_response(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame, bool end) {
    fn_fetched fetched = {.id = fetch->out.id,
                          .status = (int)fn_frame_uint(frame, "status"),
                          .redirected = yyjson_get_bool(yyjson_obj_get(frame->root, "redirected")),
                          .no_body = fetch->no_body,
                          .complete = end};
    fetched.status_text = fn_frame_text(frame, "statusText", &fetched.status_text_len);
    fetched.url = fn_frame_text(frame, "url", &fetched.url_len);
    fetched.headers = fn_headers_read(yyjson_obj_get(frame->root, "headers"));
    if (fetched.headers == NULL) {
        return JS_ThrowOutOfMemory(worker->ctx);
    }
    return fn_web_response_new(worker->ctx, &fetched, &fetch->feed);
}

void fn_fetch_response(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    bool end = yyjson_get_bool(yyjson_obj_get(frame->root, "end"));
    fn_scope scope = fn_enter(worker, fetch->out.invocation);
    JSValue response = make_response(worker, fetch, frame, end);
    fetch->in.ended = end;
    if (JS_IsException(response)) {
        fetch->out.invocation->stop = FN_STOP_MEMORY; /* only a failed allocation can cause this */
    } else {
        fn_body_id id = fetch->out.id;
        JSValue callback = fetch->settle;
        fetch->settle = JS_UNDEFINED;
        call_back(worker, callback, response, JS_UNDEFINED);
        JS_FreeValue(worker->ctx, response);
        fetch = fn_fetch_find(worker, id);
        if (fetch != NULL) {
            end_if_over(worker, fetch);
        }
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_fetch_error(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    size_t len, reason_len;
    const char *message = fn_frame_text(frame, "message", &len);
    const char *reason = fn_frame_text(frame, "reason", &reason_len);
    fn_body_id id = fetch->out.id;
    fn_scope scope = fn_enter(worker, fetch->out.invocation);
    JSValue error = new_type_error(worker->ctx, fetch, message, len);
    if (JS_IsObject(error) &&
        add_reason(worker->ctx, error, message, len, reason, reason_len) < 0) {
        forget_exception(worker->ctx);
    }
    fetch = fn_fetch_find(worker, id);
    if (fetch != NULL) {
        fail(worker, fetch, error);
    }
    JS_FreeValue(worker->ctx, error);
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_fetch_chunk(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    if (fetch->in.ended || frame->len == 0 ||
        frame->len > FN_CREDIT_WINDOW_BYTES - fetch->in.outstanding) {
        fn_worker_breach("a chunk of a fetch without credit");
    }
    fetch->in.outstanding += (uint32_t)frame->len;
    fn_scope scope = fn_enter(worker, fetch->out.invocation);
    if (fn_host_body_push(worker->ctx, fetch->feed, frame->bytes, frame->len) < 0) {
        forget_exception(worker->ctx);
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_fetch_end(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    (void)frame;
    if (fetch->in.ended) {
        fn_worker_breach("a second end of the body of a fetch");
    }
    fetch->in.ended = true;
    fn_scope scope = fn_enter(worker, fetch->out.invocation);
    if (fn_host_body_end(worker->ctx, fetch->feed) < 0) {
        forget_exception(worker->ctx);
    }
    end_if_over(worker, fetch);
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_fetch_credit(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    fn_body_out_credit(worker, &fetch->out, fn_frame_uint(frame, "bytes"));
}

/* The upstream does not want the rest of the request's body. */
void fn_fetch_unwanted(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame) {
    static const char message[] = "the upstream closed the request body early";
    (void)frame;
    fn_body_id id = fetch->out.id;
    fn_scope scope = fn_enter(worker, fetch->out.invocation);
    JSValue reason = new_type_error(worker->ctx, fetch, message, sizeof(message) - 1);
    fetch = fn_fetch_find(worker, id);
    if (fetch != NULL) {
        cancel_upload(worker, fetch, reason);
        fetch = fn_fetch_find(worker, id);
    }
    JS_FreeValue(worker->ctx, reason);
    if (fetch != NULL) {
        end_if_over(worker, fetch);
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}
