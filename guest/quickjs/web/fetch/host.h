/* The border between fetch and the host: requests and responses that cross the protocol, and the
 * protocol's functions that fetch calls. */
#ifndef FN_WEB_FETCH_HOST_H
#define FN_WEB_FETCH_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/host.h"
#include "quickjs.h"

/* A header list: names lower-cased, values as bytes, order and repeats kept. */
typedef struct fn_headers fn_headers;

fn_headers *fn_headers_new(void);
void fn_headers_free(fn_headers *headers);
/* Copies both. 0, or UV_ENOMEM. */
int fn_headers_append(fn_headers *headers, const char *name, size_t name_len, const uint8_t *value,
                      size_t value_len);
size_t fn_headers_count(const fn_headers *headers);
void fn_headers_at(const fn_headers *headers, size_t index, const char **name, size_t *name_len,
                   const uint8_t **value, size_t *value_len);
/* The first value of a name, or NULL. */
const uint8_t *fn_headers_get(const fn_headers *headers, const char *name, size_t *value_len);

typedef struct {
    const char *method;
    size_t method_len;
    const char *url;
    size_t url_len;
    fn_headers *headers; /* taken over, also on failure */
    const uint8_t *body; /* the first part or all of it, copied; NULL when there is none */
    size_t body_len;
    bool body_end; /* no more parts follow; with `body` NULL the body is null */
    fn_body_id id; /* passed to body_consumed and body_cancelled of fn_web_host */
} fn_request_init;

/* A Request for the bundle, whose signal can be aborted. JS_EXCEPTION on failure. */
JSValue fn_web_request_new(JSContext *ctx, fn_request_init *init);
/* Adds to, or ends, the body of a Request made above. Code of the bundle runs only in promise jobs.
 */
int fn_web_request_push(JSContext *ctx, JSValueConst request, const uint8_t *data, size_t len);
int fn_web_request_end(JSContext *ctx, JSValueConst request);
/* The request is over: errors the body if it is still open. Runs no scripts. */
int fn_web_request_body_over(JSContext *ctx, JSValueConst request);
/* Errors the body if it is still open, and aborts request.signal with an AbortError. */
int fn_web_request_abort(JSContext *ctx, JSValueConst request, const char *reason);

typedef enum { FN_BODY_NONE, FN_BODY_BYTES, FN_BODY_STREAM } fn_body_kind;

/* A body that the host takes over. */
typedef struct {
    fn_body_kind kind;
    const uint8_t *bytes; /* FN_BODY_BYTES: valid as long as `hold` */
    size_t len;
    JSValue hold;          /* the caller frees it */
    JSValue stream_source; /* FN_BODY_STREAM: for fn_web_stream_source_*; the caller frees it */
} fn_body_view;

typedef struct {
    const char *method;
    size_t method_len;
    const char *url;
    size_t url_len;
    const char *redirect;
    const fn_headers *headers;
    fn_body_view body; /* taken over, also on failure */
} fn_fetch_init;

/* The protocol's functions, which lie above the Web APIs and are passed to fn_web_init. */
typedef struct {
    /* The body's reader took `bytes`, or does not want the rest. */
    void (*body_consumed)(JSContext *ctx, fn_body_id id, size_t bytes);
    void (*body_cancelled)(JSContext *ctx, fn_body_id id);
    /* Answers to fn_web_stream_source_next. `bytes` are copied or written before it returns. */
    void (*stream_chunk)(JSContext *ctx, fn_body_id id, const uint8_t *bytes, size_t len);
    void (*stream_end)(JSContext *ctx, fn_body_id id);
    void (*stream_error)(JSContext *ctx, fn_body_id id, JSValueConst error);
    /* Asks the host for an outbound request, which belongs to the running invocation. `callback` is
     * called once, with (response) or (undefined, error), unless the fetch is cancelled first.
     * Returns the number of the fetch, or 0 with an exception. */
    uint32_t (*fetch)(JSContext *ctx, fn_fetch_init *init, JSValueConst callback);
    /* Ends the fetch and its bodies if it still runs; pending readers fail with `reason`. */
    void (*fetch_cancel)(JSContext *ctx, uint32_t number, JSValueConst reason);
} fn_web_host;

typedef struct {
    int status;
    const fn_headers *headers; /* valid as long as the Response; includes content-type */
    fn_body_view body;
} fn_response_view;

/* Reads a Response without running code of the bundle. 0, or -1 when `value` is not a Response of
 * this context, is an error response, or has a used or locked body (`why` says which). */
int fn_web_response_read(JSContext *ctx, JSValueConst value, fn_response_view *out,
                         const char **why);

/* Asks the source for its next chunk. The answer is exactly one call of stream_chunk, stream_end or
 * stream_error of fn_web_host with `id`, possibly later. */
int fn_web_stream_source_next(JSContext *ctx, JSValueConst stream_source, fn_body_id id);
/* Cancels the stream, because nothing will read it any more. Returns the promise for the end of its
 * cancel algorithm, undefined, or JS_EXCEPTION. */
JSValue fn_web_stream_source_cancel(JSContext *ctx, JSValueConst stream_source,
                                    JSValueConst reason);

/* The result of a fetch. */
typedef struct {
    fn_body_id id;
    int status;
    const char *status_text;
    size_t status_text_len;
    const char *url;
    size_t url_len;
    bool redirected;
    bool no_body;        /* the response to this request never has a body */
    bool complete;       /* the body is complete */
    fn_headers *headers; /* taken over, also on failure */
} fn_fetched;

/* A Response for the bundle. `host_body` receives the object that takes the bytes of its body, and
 * stays undefined when the response has none. JS_EXCEPTION on failure. */
JSValue fn_web_response_new(JSContext *ctx, const fn_fetched *fetched, JSValue *host_body);
/* Adds to that body, ends it, or fails it. They run no scripts. */
int fn_host_body_push(JSContext *ctx, JSValueConst host_body, const uint8_t *bytes, size_t len);
int fn_host_body_end(JSContext *ctx, JSValueConst host_body);
/* Pending readers fail with `error`, unless the body is complete. */
int fn_host_body_fail(JSContext *ctx, JSValueConst host_body, JSValueConst error);

#endif
