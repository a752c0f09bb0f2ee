/* Bodies of requests and responses: https://fetch.spec.whatwg.org/#bodies
 * Text and bytes stay what they are until somebody asks for a stream. */
#ifndef FN_WEB_BODY_H
#define FN_WEB_BODY_H

#include "web/fetch/headers.h"
#include "web/fetch/host.h"

/* Bytes that several bodies may share; NUL follows them. */
typedef struct {
    uint32_t references;
    size_t len;
    uint8_t data[];
} fn_bytes;

typedef enum {
    FN_SOURCE_NULL,
    FN_SOURCE_TEXT,   /* a string of the tenant's, encoded when read */
    FN_SOURCE_BYTES,  /* all there */
    FN_SOURCE_HOST,   /* comes from the host */
    FN_SOURCE_STREAM, /* a stream of the tenant's */
} fn_source;

typedef struct {
    fn_source source;
    bool used;     /* read, and not by way of the stream */
    JSValue value; /* TEXT: the string. FEED: the host_body. Else undefined */
    fn_bytes *bytes;
    const char *cstring; /* TEXT that was read natively */
    JSValue stream;      /* undefined until one was asked for; always there with STREAM */
} fn_body;

typedef enum {
    FN_AS_ARRAY_BUFFER,
    FN_AS_BLOB,
    FN_AS_BYTES,
    FN_AS_FORM_DATA,
    FN_AS_JSON,
    FN_AS_TEXT
} fn_body_as;

/* What a body says of its type: `text`, or else `value` when that is a string. */
typedef struct {
    const char *text;
    JSValue value;
} fn_body_type;

#define FN_BODY_INIT                                                                               \
    (fn_body) {                                                                                    \
        .value = JS_UNDEFINED, .stream = JS_UNDEFINED                                              \
    }

void fn_body_free(JSRuntime *rt, fn_body *body);
void fn_body_mark(JSRuntime *rt, const fn_body *body, JS_MarkFunc *mark_func);
/* BodyInit. `type` is to be freed by the caller. 0, or -1 with an exception. */
int fn_body_extract(JSContext *ctx, JSValueConst init, fn_body *body, fn_body_type *type);
int fn_body_set_type(JSContext *ctx, fn_headers *list, const fn_body_type *type);
int fn_body_set_bytes(JSContext *ctx, fn_body *body, const uint8_t *bytes, size_t len);
/* bodyUsed; and whether it cannot be read any more. Neither runs any script. */
bool fn_body_used(JSContext *ctx, const fn_body *body);
bool fn_body_unusable(JSContext *ctx, const fn_body *body);
/* The body attribute: null or a ReadableStream. */
JSValue fn_body_stream(JSContext *ctx, fn_body *body);
/* The bytes of TEXT or BYTES, which stay the body's. 0, or -1 with an exception. */
int fn_body_view_bytes(JSContext *ctx, fn_body *body, const uint8_t **bytes, size_t *len);
/* A promise of the whole body. `type` is the value of content-type, or null. */
JSValue fn_body_consume(JSContext *ctx, fn_body *body, fn_body_as as, fn_headers *headers);
JSValue fn_body_package(JSContext *ctx, fn_body_as as, const uint8_t *bytes, size_t len,
                        JSValueConst type);
/* Takes a usable body for the host: it is used from then on. `owner` is whose body it is. 0, or -1
 * with an exception. */
int fn_body_take(JSContext *ctx, fn_body *body, JSValueConst owner, fn_body_view *view);
/* clone(), of a usable body. */
int fn_body_clone(JSContext *ctx, fn_body *from, fn_body *to);
/* new Request(request): the body goes over, and `from` is used. */
int fn_body_move(JSContext *ctx, fn_body *from, fn_body *to);
/* A promise rejected with the pending exception, or JS_EXCEPTION where that cannot be caught. */
JSValue fn_rejected(JSContext *ctx);

/* ---- feed.c: a body as it comes from the host, a request's or a fetched response's */

JSValue fn_host_body_new(JSContext *ctx, fn_body_id id);
JSValue fn_host_body_consume(JSContext *ctx, JSValueConst host_body, fn_body_as as,
                             JSValueConst type);

/* ---- feed_read.c, for JS */

/* The bytes that are there, null at the end, undefined when there are none yet. */
JSValue fn_host_body_read(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
/* (host_body, callback): called once, from a job, when there is more, an end or an error. */
JSValue fn_host_body_wait(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_host_body_forward(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_host_body_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

/* ---- stream_source.c */

JSValue fn_stream_source_new(JSContext *ctx, JSValueConst stream);
/* Answers a read with bytes; drops them where the stream_source was cancelled meanwhile. */
void fn_stream_source_bytes(JSContext *ctx, JSValueConst stream_source, const uint8_t *bytes,
                            size_t len);
/* For JS: the answers of a read. */
JSValue fn_stream_source_chunk(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_stream_source_end(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_stream_source_error(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

#endif
