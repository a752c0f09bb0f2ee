/* What the invocation room offers: the protocol with the host, the loop that carries it, and the
 * life of an invocation, of its bodies and of its fetches. */
#ifndef FN_INVOCATION_H
#define FN_INVOCATION_H

#include "core/worker.h"
#include "web/web.h"

/* An outbound request of an invocation, until its response is complete. */
struct fn_fetch {
    fn_body_out out;
    fn_body_in in;
    JSValue settle; /* undefined once the response has begun */
    JSValue feed;   /* where the response's body goes; undefined: none comes */
    bool no_body;   /* it asks for a head only */
    struct fn_fetch *next;
};

/* loop.c */
/* Ends the process at once; what is queued is written first where `flush`, within a second. */
_Noreturn void fn_worker_exit(fn_worker *worker, int status, bool flush);
/* The host broke the protocol: a bug of ours. */
_Noreturn void fn_worker_breach(const char *what);

int fn_loop_init(fn_worker *worker);
/* The end of a turn, see fn_core_hooks: reports rejections and sends `done`. */
bool fn_jobs_ran(fn_worker *worker, bool drained);
/* Gives the loop its channel. */
int fn_loop_attach(fn_worker *worker, int fd);
/* `started_ns`: when the start came, on the clock of fn_wall_ns. */
void fn_loop_run(fn_worker *worker, uint64_t started_ns);
void fn_loop_shutdown(fn_worker *worker, uint64_t grace_ms);

/* bundle.c: compiles, evaluates, finds the handler. It ends the process where that fails. Takes
 * over `payload`, in which the source lies. */
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
/* Tells the host whose fault it is that the process ends now, and ends it. */
void fn_invocation_out_of_memory(fn_worker *worker);
void fn_invocation_responded(fn_worker *worker, fn_invocation *invocation);
/* Ends it without a word to the host, who is gone. */
void fn_invocation_drop(fn_worker *worker, fn_invocation *invocation);
/* Sends `done` for what has finished in this turn. */
void fn_invocations_finish(fn_worker *worker);

/* request.c */
void fn_request_start(fn_worker *worker, const fn_frame *frame);
void fn_request_chunk(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame);
void fn_request_end(fn_worker *worker, fn_invocation *invocation);
void fn_request_unwanted(fn_worker *worker, fn_invocation *invocation);
void fn_request_cancel(fn_worker *worker, fn_invocation *invocation, const char *reason);

/* response.c */
void fn_response_start(fn_worker *worker, fn_invocation *invocation, JSValueConst value);
/* Header lists in messages: into one, `name` with a length in place of the list's own where that is
 * given, false where they are too large; out of one, NULL when out of memory. */
bool fn_headers_put(fn_buffer *line, const fn_headers *headers, const char *name, uint64_t value);
fn_headers *fn_headers_read(yyjson_val *list);

/* body_id.c */
bool fn_body_id_is_fetch(fn_body_id id);
void fn_body_id_put(fn_buffer *line, fn_body_id id);
fn_body_id fn_body_id_of(yyjson_val *root);

/* body_out.c */
void fn_body_out_init(fn_body_out *out, fn_body_id id, fn_invocation *invocation);
/* Takes over what `view` holds. */
void fn_body_out_set(fn_body_out *out, const fn_body_view *view);
/* What may be sent now of `len` bytes; and so many were, with the head. */
size_t fn_body_out_sendable(const fn_body_out *out, size_t len);
void fn_body_out_sent(fn_body_out *out, size_t len);
/* The body began. */
void fn_body_out_pump(fn_worker *worker, fn_body_out *out);
void fn_body_out_credit(fn_worker *worker, fn_body_out *out, uint64_t bytes);
void fn_body_out_free(fn_worker *worker, fn_body_out *out);
fn_body_out *fn_body_out_find(fn_worker *worker, fn_body_id id);

/* fetch.c */
fn_fetch *fn_fetch_find(fn_worker *worker, fn_body_id id);
/* The invocation is over: so are its fetches, without a word to anybody. */
void fn_fetches_drop(fn_worker *worker, const fn_invocation *invocation);
void fn_fetch_uploaded(fn_worker *worker, fn_body_id id);
void fn_fetch_upload_failed(fn_worker *worker, fn_body_id id, JSValueConst cause);
void fn_fetch_response(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_error(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_chunk(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_end(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_credit(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_unwanted(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);

/* context.c: the second or third argument of a handler. */
int fn_context_init(fn_worker *worker);
JSValue fn_context_new(fn_worker *worker, fn_invocation *invocation);

/* messages.c: what the host sends. */
void fn_message(fn_worker *worker, const fn_frame *frame);

/* uncaught.c: what no code of the tenant caught. */
/* A thrown value, with what happened to it in front. */
void fn_log_error(fn_worker *worker, fn_invocation *invocation, const char *what,
                  JSValueConst error);

/* An exception that nothing caught, within fn_enter: the tenant's listeners are told of it, and
 * where none takes it on itself, the log. */
void fn_report_uncaught(fn_worker *worker, fn_invocation *invocation, JSValueConst error);

/* Promises that were rejected while nothing was attached to them. */
void fn_rejections_init(fn_worker *worker);
/* At the end of a turn: the tenant's listeners are told, which may queue more jobs. */
void fn_rejections_report(fn_worker *worker);
/* At an invocation's end, where nothing of it is to run any more: to the log alone. */
void fn_rejections_log(fn_worker *worker, const fn_invocation *of);
/* Without a word. */
void fn_rejections_drop(fn_worker *worker);

/* teardown.c */
void fn_teardown(fn_worker *worker, int status);

/* The Web APIs' way to the host: body_in.c, body_out.c, fetch.c. See fn_web_host in web/web.h. */
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
