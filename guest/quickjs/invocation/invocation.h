/* The protocol with the host, the loop that carries it, and the life of an invocation, its bodies
 * and its fetches. */
#ifndef FN_INVOCATION_H
#define FN_INVOCATION_H

#include "core/worker.h"
#include "web/web.h"

#define FN_FETCH_LABEL_BYTES 160

/* An outbound request of an invocation, until its response is complete. */
struct fn_fetch {
    fn_body_out out;
    fn_body_in in;
    JSValue settle; /* the callback; undefined once the response has begun */
    JSValue feed;   /* receives the response's body; undefined if there is none */
    JSValue frames; /* of the code that called fetch, for errors; undefined if it has none */
    bool no_body;   /* a HEAD request */
    char label[FN_FETCH_LABEL_BYTES]; /* method and URL, for the log */
    struct fn_fetch *next;
};

/* loop.c */
/* Ends the process at once. With `flush`, queued frames are written first, for at most a second. */
_Noreturn void fn_worker_exit(fn_worker *worker, int status, bool flush);
/* The host broke the protocol: reports the bug and ends the process. */
_Noreturn void fn_worker_breach(const char *what);

int fn_loop_init(fn_worker *worker);
/* Writes queued frames as far as the socket takes them. */
void fn_loop_flush(fn_worker *worker);
/* Runs at the end of a turn, see fn_core_hooks: reports rejections and sends `done`. */
bool fn_jobs_ran(fn_worker *worker, bool drained);
/* Adds the channel to the loop. */
int fn_loop_attach(fn_worker *worker, int fd);
/* `started_ns`: when the start message arrived, on the clock of fn_wall_ns. */
void fn_loop_run(fn_worker *worker, uint64_t started_ns);
/* Called again, the shorter grace applies. */
void fn_loop_shutdown(fn_worker *worker, uint64_t grace_ms, const char *reason, size_t len);

/* bundle.c: compiles and evaluates the bundle and finds its handler. Ends the process if that
 * fails. Takes ownership of `payload`, which contains the source. */
void fn_bundle_load(fn_worker *worker, const char *handler, char *payload, const char *source,
                    size_t len);
/* A module in the run context, not evaluated yet. */
JSValue fn_bundle_compile(fn_worker *worker, const char *source, size_t len);
void fn_bundle_failed(fn_worker *worker, const char *code, const char *message, const char *stack);

/* invocation.c */
fn_invocation *fn_invocation_new(fn_worker *worker, uint32_t id);
fn_invocation *fn_invocation_find(fn_worker *worker, uint32_t id);
void fn_invocation_settle(fn_worker *worker, fn_invocation *invocation, JSValue result);
void fn_invocation_fail(fn_worker *worker, fn_invocation *invocation, const char *code,
                        const char *message, const char *stack);
void fn_invocation_throw(fn_worker *worker, fn_invocation *invocation, JSValueConst error);
void fn_invocation_stopped(fn_worker *worker, fn_invocation *invocation);
/* Reports to the host which invocation caused the end of the process, and ends it. */
void fn_invocation_out_of_memory(fn_worker *worker);
void fn_invocation_responded(fn_worker *worker, fn_invocation *invocation);
/* Ends it without a message, because the host is gone. */
void fn_invocation_drop(fn_worker *worker, fn_invocation *invocation);
/* Sends `done` for the invocations that finished in this turn. */
void fn_invocations_finish(fn_worker *worker);

/* request.c */
void fn_request_start(fn_worker *worker, const fn_frame *frame);
void fn_request_chunk(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame);
void fn_request_end(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame);
/* After each change of the request body: the time in which the client is waited for does not count
 * against the deadline. */
void fn_request_await(fn_invocation *invocation);
void fn_request_unwanted(fn_worker *worker, fn_invocation *invocation);
/* The invocation ends: code that still reads the request body gets an error. */
void fn_request_over(fn_worker *worker, fn_invocation *invocation);
void fn_request_cancel(fn_worker *worker, fn_invocation *invocation, const char *reason);
void fn_request_disconnect(fn_worker *worker, fn_invocation *invocation, const char *reason);

/* response.c */
void fn_response_start(fn_worker *worker, fn_invocation *invocation, JSValueConst value);
/* Header lists in messages. fn_headers_put writes one, with `name` set to a number if it is given;
 * false if the list is too large. fn_headers_read reads one; NULL if out of memory. */
bool fn_headers_put(fn_buffer *line, const fn_headers *headers, const char *name, uint64_t value);
fn_headers *fn_headers_read(yyjson_val *list);

/* frame.c */
/* A field of a message; the worker ends if it is missing or has another type. */
uint64_t fn_frame_uint(const fn_frame *frame, const char *key);
const char *fn_frame_text(const fn_frame *frame, const char *key, size_t *len);
/* Queues `error`: of an invocation, or with NULL of the worker, which has not loaded its bundle.
 * `code` needs no escaping. 0, UV_ENOMEM or UV_ENOBUFS. */
int fn_send_error(fn_worker *worker, const fn_invocation *invocation, const char *code,
                  const char *message, const char *stack);
/* Queues `cancel`, or ends the worker. `reason` needs no escaping. */
void fn_send_cancel(fn_worker *worker, fn_body_id id, const char *reason);

/* body_id.c */
bool fn_body_id_is_fetch(fn_body_id id);
void fn_body_id_put(fn_buffer *line, fn_body_id id);
fn_body_id fn_body_id_of(yyjson_val *root);

/* body_out.c */
void fn_body_out_init(fn_body_out *out, fn_body_id id, fn_invocation *invocation);
/* Takes ownership of the values in `view`. */
void fn_body_out_set(fn_body_out *out, const fn_body_view *view);
/* The number of `len` bytes that may be sent now; fn_body_out_sent records bytes that were sent
 * with the head. */
size_t fn_body_out_sendable(const fn_body_out *out, size_t len);
void fn_body_out_sent(fn_body_out *out, size_t len);
/* Nobody reads the body any more: cancels its stream, for which the invocation waits. */
void fn_body_out_unwanted(fn_worker *worker, fn_body_out *out, JSValueConst reason);
/* Sends `end` although bytes may be missing: the host knows that nobody reads them. */
void fn_body_out_end(fn_worker *worker, fn_body_out *out);
/* Starts or continues to send the body. */
void fn_body_out_pump(fn_worker *worker, fn_body_out *out);
void fn_body_out_credit(fn_worker *worker, fn_body_out *out, uint64_t bytes);
void fn_body_out_free(fn_worker *worker, fn_body_out *out);
fn_body_out *fn_body_out_find(fn_worker *worker, fn_body_id id);

/* fetch.c */
fn_fetch *fn_fetch_find(fn_worker *worker, fn_body_id id);
/* Ends the fetches of an invocation that was stopped, or with NULL all of them, without messages.
 */
void fn_fetches_drop(fn_worker *worker, const fn_invocation *invocation);

/* leftover.c: ends what an invocation that was stopped left behind, or with NULL everything, and
 * logs what that was. */
void fn_leftover_end(fn_worker *worker, fn_invocation *invocation);
/* A worker without requests: whether something that they left behind will run by `until` (uv_now).
 */
bool fn_leftover_due(fn_worker *worker, uint64_t until);
/* Whether a timer of a request in flight is due, which leftover work holds up. */
bool fn_leftover_timer_waits(fn_worker *worker);

void fn_fetch_uploaded(fn_worker *worker, fn_body_id id);
void fn_fetch_upload_failed(fn_worker *worker, fn_body_id id, JSValueConst cause);
void fn_fetch_response(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_error(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_chunk(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_end(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_credit(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_unwanted(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);

/* context.c: `ctx`, the second or third argument of a handler. */
int fn_context_init(fn_worker *worker);
JSValue fn_context_new(fn_worker *worker, fn_invocation *invocation);
/* `done` waits for the promise, as for one that the tenant gave to waitUntil. What it rejects with
 * is not logged. 0, or -1 with an exception. */
int fn_context_hold(fn_worker *worker, fn_invocation *invocation, JSValueConst promise);

/* messages.c: handles a message from the host. */
void fn_message(fn_worker *worker, const fn_frame *frame);

/* uncaught.c: logs a thrown value, after the prefix `what`. */
void fn_log_error(fn_worker *worker, fn_invocation *invocation, const char *what,
                  JSValueConst error);

/* Handles an uncaught exception, inside fn_enter: notifies the tenant's listeners, and logs it if
 * none of them handles it. */
void fn_report_uncaught(fn_worker *worker, fn_invocation *invocation, JSValueConst error);

/* Promises that were rejected while nothing was attached to them. */
void fn_rejections_init(fn_worker *worker);
/* At the end of a turn: notifies the tenant's listeners, which may queue more jobs. False if there
 * was nothing to report. */
bool fn_rejections_report(fn_worker *worker);
/* Whether there is something to report now. */
bool fn_rejections_due(fn_worker *worker);
/* Drops those of an invocation that was stopped, or with NULL all of them. */
void fn_rejections_drop(fn_worker *worker, const fn_invocation *of);

/* The functions that the Web APIs call: body_in.c, body_out.c, fetch.c. See fn_web_host in
 * web/web.h. */
void fn_host_body_consumed(JSContext *ctx, fn_body_id id, size_t bytes);
void fn_host_body_cancelled(JSContext *ctx, fn_body_id id);
void fn_host_pump_chunk(JSContext *ctx, fn_body_id id, const uint8_t *bytes, size_t len);
void fn_host_pump_end(JSContext *ctx, fn_body_id id);
void fn_host_pump_error(JSContext *ctx, fn_body_id id, JSValueConst error);
uint32_t fn_host_fetch(JSContext *ctx, fn_fetch_init *init, JSValueConst callback);
void fn_host_fetch_cancel(JSContext *ctx, uint32_t number, JSValueConst reason);

/* teardown.c: only in builds with sanitizers. */
void fn_teardown(fn_worker *worker, int status);

#endif
