/* A request from the host: the invocation that it starts, and its body. */
#include "invocation/invocation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CANCEL_CPU_NS 5000000u /* CPU time for the listeners of request.signal */

/* Header bytes are JSON code points; converts them in place to one byte each, which is never
 * longer. */
static bool to_bytes(char *text, size_t len, size_t *bytes_len) {
    uint8_t *bytes = (uint8_t *)text;
    size_t end = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] < 0x80) {
            bytes[end++] = bytes[i];
        } else if ((bytes[i] == 0xc2 || bytes[i] == 0xc3) && i + 1 < len) {
            bytes[end++] = (uint8_t)((bytes[i] << 6) | (bytes[i + 1] & 0x3f));
            i++;
        } else {
            return false;
        }
    }
    *bytes_len = end;
    return true;
}

/* Appends one [name, value]. The parsed line is private, so its strings may be overwritten. */
static int append_header(fn_headers *headers, yyjson_val *pair) {
    yyjson_val *name = yyjson_arr_get(pair, 0);
    yyjson_val *value = yyjson_arr_get(pair, 1);
    if (yyjson_arr_size(pair) != 2 || !yyjson_is_str(name) || !yyjson_is_str(value)) {
        fn_worker_breach("a header is not a pair of strings");
    }
    char *text = (char *)(uintptr_t)yyjson_get_str(value);
    size_t len;
    if (!to_bytes(text, yyjson_get_len(value), &len)) {
        fn_worker_breach("a header value is not a byte string");
    }
    return fn_headers_append(headers, yyjson_get_str(name), yyjson_get_len(name),
                             (const uint8_t *)text, len);
}

fn_headers *fn_headers_read(yyjson_val *list) {
    if (!yyjson_is_arr(list)) {
        fn_worker_breach("a request or response without headers");
    }
    fn_headers *headers = fn_headers_new();
    size_t index, max;
    yyjson_val *pair;
    yyjson_arr_foreach(list, index, max, pair) {
        if (headers == NULL || append_header(headers, pair) != 0) {
            fn_headers_free(headers);
            return NULL;
        }
    }
    return headers;
}

/* A request that arrived while the bundle was loading has already used that time. */
static void set_budget(const fn_worker *worker, fn_invocation *invocation, uint64_t deadline_ms,
                       uint64_t cpu_ms) {
    uint64_t now = fn_wall_ns();
    uint64_t spent_ns = worker->asked_ns == 0 ? 0 : now - worker->asked_ns;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t most = UINT64_MAX / 4000000u;
    deadline_ms = deadline_ms < most ? deadline_ms : most;
    invocation->deadline_ns = now - spent_ns + deadline_ms * 1000000u;
    invocation->deadline_ms = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 +
                              (int64_t)deadline_ms - (int64_t)(spent_ns / 1000000u);
    invocation->cpu_limit_ns = (cpu_ms < most ? cpu_ms : most) * 1000000u;
}

/* The gateway adds each request's id as a header, so that the tenant's own calls can forward it. */
static int keep_request_id(fn_invocation *invocation, const fn_headers *headers) {
    size_t len;
    const uint8_t *value = fn_headers_get(headers, "x-request-id", &len);
    if (value == NULL) {
        return 0;
    }
    invocation->request_id = malloc(len + 1);
    if (invocation->request_id == NULL) {
        return UV_ENOMEM;
    }
    memcpy(invocation->request_id, value, len);
    invocation->request_id[len] = '\0';
    invocation->request_id_len = len;
    return 0;
}

/* Without the field the address is not known. */
static void keep_client(fn_invocation *invocation, const fn_frame *frame) {
    yyjson_val *client = yyjson_obj_get(frame->root, "client");
    if (client == NULL) {
        return;
    }
    size_t len = yyjson_get_len(client);
    if (!yyjson_is_str(client) || len > sizeof(invocation->client)) {
        fn_worker_breach("the client of a request is not an address");
    }
    memcpy(invocation->client, yyjson_get_str(client), len);
    invocation->client_len = len;
}

static JSValue make_request(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame,
                            bool end) {
    fn_request_init init = {.id = invocation->id, .body_end = end};
    init.method = fn_frame_text(frame, "method", &init.method_len);
    init.url = fn_frame_text(frame, "url", &init.url_len);
    keep_client(invocation, frame);
    init.headers = fn_headers_read(yyjson_obj_get(frame->root, "headers"));
    if (init.headers == NULL || keep_request_id(invocation, init.headers) != 0) {
        fn_headers_free(init.headers);
        return JS_ThrowOutOfMemory(worker->ctx);
    }
    if (frame->has_bytes) {
        init.body = frame->bytes;
        init.body_len = frame->len;
        invocation->in.outstanding = (uint32_t)frame->len;
    }
    return fn_web_request_new(worker->ctx, &init);
}

/* The handler's result, or JS_EXCEPTION. */
static JSValue call_handler(fn_worker *worker, fn_invocation *invocation) {
    JSValue context = fn_context_new(worker, invocation);
    if (JS_IsException(context)) {
        return context;
    }
    JSValueConst args[] = {invocation->request, context, JS_UNDEFINED};
    if (worker->handler_is_fetch) {
        args[1] = worker->env;
        args[2] = context;
    }
    JSValue result = JS_Call(worker->ctx, worker->handler, worker->handler_this,
                             worker->handler_is_fetch ? 3 : 2, args);
    JS_FreeValue(worker->ctx, context);
    return result;
}

static fn_invocation *new_invocation(fn_worker *worker, const fn_frame *frame) {
    uint64_t id = fn_frame_uint(frame, "id");
    if (!worker->ready || id > UINT32_MAX || (id <= worker->last_id && worker->last_id != 0)) {
        fn_worker_breach("the id of an invocation is not higher than the last one");
    }
    fn_invocation *invocation = fn_invocation_new(worker, (uint32_t)id);
    if (invocation == NULL) {
        fn_worker_exit(worker, FN_EXIT_FAILED, true);
    }
    worker->last_id = (uint32_t)id;
    set_budget(worker, invocation, fn_frame_uint(frame, "deadline_ms"),
               fn_frame_uint(frame, "cpu_ms"));
    return invocation;
}

void fn_request_await(fn_invocation *invocation) {
    fn_body_in *in = &invocation->in;
    bool awaited = invocation->state == FN_RUNNING && !in->ended && !in->unwanted &&
                   in->outstanding <= FN_AWAITING_BYTES;
    if (awaited && in->awaited_ns == 0) {
        in->awaited_ns = fn_wall_ns();
    } else if (!awaited && in->awaited_ns != 0) {
        uint64_t waited = fn_wall_ns() - in->awaited_ns;
        in->awaited_ns = 0;
        invocation->deadline_ns += invocation->deadline_ns == 0 ? 0 : waited;
        invocation->deadline_ms += (int64_t)(waited / 1000000u);
    }
}

void fn_request_start(fn_worker *worker, const fn_frame *frame) {
    fn_invocation *invocation = new_invocation(worker, frame);
    bool end = yyjson_get_bool(yyjson_obj_get(frame->root, "end"));
    invocation->in.ended = end;
    fn_scope scope = fn_enter(worker, invocation);
    invocation->async = fn_async_new(worker, invocation);
    JSValue result = JS_EXCEPTION;
    if (!JS_IsException(invocation->async)) {
        JS_SetAsyncContext(worker->rt, JS_DupValue(worker->ctx, invocation->async));
        invocation->request = make_request(worker, invocation, frame, end);
        fn_request_await(invocation);
        if (!JS_IsException(invocation->request)) {
            result = call_handler(worker, invocation);
        }
    }
    if (JS_IsException(invocation->async) || JS_IsException(invocation->request)) {
        invocation->stop = FN_STOP_MEMORY; /* only a failed allocation can cause this */
        invocation->async = JS_IsException(invocation->async) ? JS_UNDEFINED : invocation->async;
        invocation->request = JS_UNDEFINED;
    }
    fn_invocation_settle(worker, invocation, result);
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

static bool takes_body(const fn_invocation *invocation) {
    return invocation != NULL && fn_invocation_live(invocation) && !invocation->in.unwanted;
}

void fn_request_chunk(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    if (!takes_body(invocation)) {
        return;
    }
    if (invocation->in.ended || frame->len == 0 ||
        frame->len > FN_CREDIT_WINDOW_BYTES - invocation->in.outstanding) {
        fn_worker_breach("a body chunk without credit");
    }
    invocation->in.outstanding += (uint32_t)frame->len;
    fn_request_await(invocation);
    fn_scope scope = fn_enter(worker, invocation);
    if (fn_web_request_push(worker->ctx, invocation->request, frame->bytes, frame->len) < 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

void fn_request_end(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame) {
    (void)frame;
    if (!takes_body(invocation)) {
        return;
    }
    if (invocation->in.ended) {
        fn_worker_breach("a second end of a body");
    }
    invocation->in.ended = true;
    fn_request_await(invocation);
    fn_scope scope = fn_enter(worker, invocation);
    if (fn_web_request_end(worker->ctx, invocation->request) < 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

/* Tells the host, once, that the rest of the request body is not wanted. */
void fn_request_unwanted(fn_worker *worker, fn_invocation *invocation) {
    if (invocation->in.ended || invocation->in.unwanted) {
        return;
    }
    invocation->in.unwanted = true;
    fn_request_await(invocation);
    fn_send_cancel(worker, invocation->id, "body");
}

void fn_request_over(fn_worker *worker, fn_invocation *invocation) {
    bool open = !invocation->in.ended;
    fn_request_unwanted(worker, invocation);
    if (open && invocation->stop == FN_STOP_NONE &&
        fn_web_request_body_over(worker->ctx, invocation->request) < 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    }
}

static void cancel_body(fn_worker *worker, fn_invocation *invocation, const char *reason) {
    JSValue text = JS_NewString(worker->ctx, reason);
    if (JS_IsException(text)) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    } else {
        fn_body_out_unwanted(worker, &invocation->out, text);
    }
    JS_FreeValue(worker->ctx, text);
}

static void abort_request(fn_worker *worker, fn_invocation *invocation, const char *reason) {
    if (fn_web_request_abort(worker->ctx, invocation->request, reason) < 0) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    }
}

/* The host cancelled the invocation: request.signal notifies the tenant, which gets a short time;
 * then the invocation ends. */
void fn_request_cancel(fn_worker *worker, fn_invocation *invocation, const char *reason) {
    invocation->deadline_ns = 0;
    invocation->cpu_limit_ns = invocation->cpu_ns + CANCEL_CPU_NS;
    invocation->in.ended = true; /* no more of the body arrives or is requested */
    fn_scope scope = fn_enter(worker, invocation);
    abort_request(worker, invocation, reason);
    if (invocation->stop == FN_STOP_NONE) {
        cancel_body(worker, invocation, reason);
    }
    invocation->stop = FN_STOP_CANCEL;
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}

/* The client is gone. request.signal notifies the tenant, and what runs goes on within the limits
 * that it had: the handler until its deadline, then the promises of waitUntil. A response body that
 * was being sent is over; the host drops a head that comes later. */
void fn_request_disconnect(fn_worker *worker, fn_invocation *invocation, const char *reason) {
    if (invocation->disconnected || !fn_invocation_live(invocation)) {
        return;
    }
    invocation->disconnected = true;
    invocation->in.ended = true; /* no more of the body arrives or is requested */
    fn_request_await(invocation);
    fn_scope scope = fn_enter(worker, invocation);
    abort_request(worker, invocation, reason);
    if (invocation->state == FN_BODY && invocation->stop == FN_STOP_NONE) {
        cancel_body(worker, invocation, reason);
        fn_body_out_end(worker, &invocation->out);
    }
    fn_leave(worker, scope);
    fn_jobs_run(worker);
}
