/* A Request, for the files that make it, show it to scripts, and host_body it from the host. */
#ifndef FN_WEB_REQUEST_H
#define FN_WEB_REQUEST_H

#include "web/fetch/body.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"

/* Enumerations of RequestInit, in the order of fn_request_enums. */
typedef enum {
    FN_ENUM_CACHE,
    FN_ENUM_CREDENTIALS,
    FN_ENUM_MODE,
    FN_ENUM_REDIRECT,
    FN_ENUM_REFERRER_POLICY,
    FN_ENUM_COUNT
} fn_request_enum;

/* Their values, NULL behind the last. */
extern const char *const *const fn_request_enums[FN_ENUM_COUNT];

typedef struct {
    JSValue method, url;
    fn_headers *headers;
    JSValue headers_object; /* undefined until asked for */
    fn_guard guard;
    fn_body body;
    JSValue host_body; /* where the host's bytes go; undefined: it sent all, or is not the host's */
    bool from_host;    /* its signal may abort by itself */
    JSValue signal;    /* undefined until asked for */
    JSValue abort_reason; /* aborted before that; else uninitialized */
    uint8_t enums[FN_ENUM_COUNT];
    bool keepalive;
    JSValue referrer, integrity; /* undefined: about:client, empty */
} fn_request;

extern JSClassID fn_request_class;

/* Takes over `value`; NULL with an exception, and `value` freed, where there is no memory. */
fn_request *fn_request_attach(JSContext *ctx, JSValue value);
/* The signal attribute; borrowed is not: the caller frees it. */
JSValue fn_request_signal(JSContext *ctx, fn_request *request);
/* An AbortSignal that follows another, or nobody where that is undefined. */
JSValue fn_request_new_signal(JSContext *ctx, JSValueConst parent);
/* All but headers, body and signal. */
void fn_request_copy_plain(JSContext *ctx, const fn_request *from, fn_request *to);
/* new Request(input, init), on an empty request. */
int fn_request_construct(JSContext *ctx, fn_request *request, JSValueConst input,
                         JSValueConst init);

#endif
