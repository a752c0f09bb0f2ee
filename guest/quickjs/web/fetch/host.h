/* Fetch and the host: requests and responses that cross the protocol, and the functions of the
 * protocol that fetch calls. */
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
    const uint8_t *body; /* first or whole part, copied; NULL when there is none */
    size_t body_len;
    bool body_end; /* no more parts follow; with body NULL and body_end the body is null */
    fn_body_id id; /* handed back in body_consumed and body_cancelled of fn_web_host */
} fn_request_init;

/* A tenant-visible Request whose signal can be aborted. JS_EXCEPTION on failure. */
JSValue fn_web_request_new(JSContext *ctx, fn_request_init *init);
/* More of the body of a Request made above; each may run tenant code only through promise jobs. */
int fn_web_request_push(JSContext *ctx, JSValueConst request, const uint8_t *data, size_t len);
int fn_web_request_end(JSContext *ctx, JSValueConst request);
/* Errors the body (where it is still open) and aborts request.signal with an AbortError. */
int fn_web_request_abort(JSContext *ctx, JSValueConst request, const char *reason);

typedef enum { FN_BODY_NONE, FN_BODY_BYTES, FN_BODY_STREAM } fn_body_kind;

/* A body that is taken for the host. */
typedef struct {
    fn_body_kind kind;
    const uint8_t *bytes; /* FN_BODY_BYTES: lives as long as `hold` */
    size_t len;
    JSValue hold;          /* to be freed by the caller */
    JSValue stream_source; /* FN_BODY_STREAM: for fn_web_pump_*; to be freed by the caller */
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

/* What the Web APIs call of the protocol with the host, which lies above them. */
typedef struct {
    /* The body's reader took `bytes`, or wants no more of it. */
    void (*body_consumed)(JSContext *ctx, fn_body_id id, size_t bytes);
    void (*body_cancelled)(JSContext *ctx, fn_body_id id);
    /* Answers of fn_web_stream_source_next. `bytes` are copied or written before it returns. */
    void (*stream_chunk)(JSContext *ctx, fn_body_id id, const uint8_t *bytes, size_t len);
    void (*stream_end)(JSContext *ctx, fn_body_id id);
    void (*stream_error)(JSContext *ctx, fn_body_id id, JSValueConst error);
    /* Asks the host for an outbound request, which belongs to the running invocation. `callback` is
     * called once, with (response) or (undefined, error), unless it is cancelled before. The number
     * of the fetch, or 0 with an exception. */
    uint32_t (*fetch)(JSContext *ctx, fn_fetch_init *init, JSValueConst callback);
    /* Ends it, with its bodies, if it still runs: whoever waits for it gets `reason`. */
    void (*fetch_cancel)(JSContext *ctx, uint32_t number, JSValueConst reason);
} fn_web_host;

typedef struct {
    int status;
    const fn_headers *headers; /* lives as long as the Response; content-type already set */
    fn_body_view body;
} fn_response_view;

/* Reads a Response natively, running no tenant code. 0, or -1 where `value` is not a Response of
 * this context, is an error response, or its body is used or locked (`why` says which). */
int fn_web_response_read(JSContext *ctx, JSValueConst value, fn_response_view *out,
                         const char **why);

/* Asks the stream_source for its next chunk. The answer comes as exactly one of stream_chunk,
 * stream_end and stream_error of fn_web_host, maybe later, with `id`. */
int fn_web_stream_source_next(JSContext *ctx, JSValueConst stream_source, fn_body_id id);
/* Cancels the stream: nobody reads it any more. */
int fn_web_stream_source_cancel(JSContext *ctx, JSValueConst stream_source, JSValueConst reason);

/* What came of a fetch. */
typedef struct {
    fn_body_id id;
    int status;
    const char *status_text;
    size_t status_text_len;
    const char *url;
    size_t url_len;
    bool redirected;
    bool no_body;        /* the request was one that gets none */
    bool complete;       /* nothing of the body follows */
    fn_headers *headers; /* taken over, also on failure */
} fn_fetched;

/* A tenant-visible Response; `host_body` becomes where the bytes of its body go, and stays
 * undefined where none come. JS_EXCEPTION on failure. */
JSValue fn_web_response_new(JSContext *ctx, const fn_fetched *fetched, JSValue *host_body);
/* More of that body, its end, or what broke it. They run no scripts. */
int fn_host_body_push(JSContext *ctx, JSValueConst host_body, const uint8_t *bytes, size_t len);
int fn_host_body_end(JSContext *ctx, JSValueConst host_body);
/* Unless it is complete, what reads it gets `error`. */
int fn_host_body_fail(JSContext *ctx, JSValueConst host_body, JSValueConst error);

#endif
