/* A Request, for the files that create it, show it to scripts, and fill its body from the host. */
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

/* Their values; the last is followed by NULL. */
extern const char *const *const fn_request_enums[FN_ENUM_COUNT];

typedef struct {
    JSValue method, url;
    fn_headers *headers;
    JSValue headers_object; /* undefined until it is used */
    fn_guard guard;
    fn_body body;
    JSValue host_body; /* takes the host's bytes; undefined: the host has sent all, or it is not the
                          host's request */
    bool from_host;    /* the host may abort its signal */
    JSValue signal;    /* undefined until it is used */
    JSValue abort_reason; /* aborted before `signal` was used; otherwise uninitialized */
    uint8_t enums[FN_ENUM_COUNT];
    bool keepalive;
    JSValue referrer, integrity; /* undefined: about:client, and empty */
} fn_request;

extern JSClassID fn_request_class;

/* Takes ownership of `value`. NULL with an exception, and `value` freed, when out of memory. */
fn_request *fn_request_attach(JSContext *ctx, JSValue value);
/* The signal attribute. The caller frees it. */
JSValue fn_request_signal(JSContext *ctx, fn_request *request);
/* An AbortSignal that follows `parent`, or none when that is undefined. */
JSValue fn_request_new_signal(JSContext *ctx, JSValueConst parent);
/* Copies all but headers, body and signal. */
void fn_request_copy_plain(JSContext *ctx, const fn_request *from, fn_request *to);
/* new Request(input, init), for an empty request. */
int fn_request_construct(JSContext *ctx, fn_request *request, JSValueConst input,
                         JSValueConst init);

#endif
