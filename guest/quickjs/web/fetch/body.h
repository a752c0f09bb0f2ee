/* Bodies of requests and responses: https://fetch.spec.whatwg.org/#bodies
 * Text and bytes become a stream only when a script asks for one. */
#ifndef FN_WEB_BODY_H
#define FN_WEB_BODY_H

#include "web/fetch/headers.h"
#include "web/fetch/host.h"

/* Bytes that several bodies may share, with a NUL after them. */
typedef struct {
    uint32_t references;
    size_t len;
    uint8_t data[];
} fn_bytes;

typedef enum {
    FN_SOURCE_NULL,
    FN_SOURCE_TEXT,   /* a string of the script, encoded when it is read */
    FN_SOURCE_BYTES,  /* complete */
    FN_SOURCE_HOST,   /* received from the host */
    FN_SOURCE_STREAM, /* a stream of the script */
} fn_source;

typedef struct {
    fn_source source;
    bool used;     /* read, but not through the stream */
    JSValue value; /* TEXT: the string. HOST: the host body. Otherwise undefined */
    fn_bytes *bytes;
    const char *cstring; /* TEXT that C has read */
    JSValue stream;      /* undefined until a script asks for it; always set for STREAM */
} fn_body;

typedef enum {
    FN_AS_ARRAY_BUFFER,
    FN_AS_BLOB,
    FN_AS_BYTES,
    FN_AS_FORM_DATA,
    FN_AS_JSON,
    FN_AS_TEXT
} fn_body_as;

/* The type of a body: `text`, or else `value` if that is a string. */
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
/* Extracts a BodyInit. The caller frees `type`. 0, or -1 with an exception. */
int fn_body_extract(JSContext *ctx, JSValueConst init, fn_body *body, fn_body_type *type);
int fn_body_set_type(JSContext *ctx, fn_headers *list, const fn_body_type *type);
int fn_body_set_bytes(JSContext *ctx, fn_body *body, const uint8_t *bytes, size_t len);
/* bodyUsed; and whether the body can no longer be read. Neither runs a script. */
bool fn_body_used(JSContext *ctx, const fn_body *body);
bool fn_body_unusable(JSContext *ctx, const fn_body *body);
/* The body attribute: null or a ReadableStream. */
JSValue fn_body_stream(JSContext *ctx, fn_body *body);
/* The bytes of TEXT or BYTES, which the body owns. 0, or -1 with an exception. */
int fn_body_view_bytes(JSContext *ctx, fn_body *body, const uint8_t **bytes, size_t *len);
/* A promise for the whole body. `type` is the value of content-type, or null. */
JSValue fn_body_consume(JSContext *ctx, fn_body *body, fn_body_as as, fn_headers *headers);
/* What the method gives. An error gets `frames`, unless they are undefined. */
JSValue fn_body_package(JSContext *ctx, fn_body_as as, const uint8_t *bytes, size_t len,
                        JSValueConst type, JSValueConst frames);
/* Takes a usable body for the host, after which it is used. `owner` is the object of the body. 0,
 * or -1 with an exception. */
int fn_body_take(JSContext *ctx, fn_body *body, JSValueConst owner, fn_body_view *view);
/* clone() of a usable body. */
int fn_body_clone(JSContext *ctx, fn_body *from, fn_body *to);
/* new Request(request): moves the body, after which `from` is used. */
int fn_body_move(JSContext *ctx, fn_body *from, fn_body *to);
/* A promise rejected with the pending exception, or JS_EXCEPTION when that is uncatchable. */
JSValue fn_rejected(JSContext *ctx);

/* ---- host_body.c: the body of a request, or of a fetched response, as the host sends it */

JSValue fn_host_body_new(JSContext *ctx, fn_body_id id);
JSValue fn_host_body_consume(JSContext *ctx, JSValueConst host_body, fn_body_as as,
                             JSValueConst type, JSValueConst frames);

/* ---- for JS */

/* The bytes that have arrived; null at the end; undefined when there are none yet. */
JSValue fn_host_body_read(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
/* (host_body, callback): calls `callback` once, from a job, when there is more, an end or an error.
 */
JSValue fn_host_body_wait(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_host_body_forward(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_host_body_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

/* ---- stream_source.c */

JSValue fn_stream_source_new(JSContext *ctx, JSValueConst stream);
/* Answers a read with bytes; drops them when the source was cancelled. */
void fn_stream_source_bytes(JSContext *ctx, JSValueConst stream_source, const uint8_t *bytes,
                            size_t len);
/* For JS: the answers to a read. */
JSValue fn_stream_source_chunk(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_stream_source_end(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_stream_source_error(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

#endif
