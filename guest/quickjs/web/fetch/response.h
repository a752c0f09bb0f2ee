/* A Response, for the files that create it, show it to scripts, and read it for the host. */
#ifndef FN_WEB_RESPONSE_H
#define FN_WEB_RESPONSE_H

#include "web/fetch/body.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"

typedef enum { FN_RESPONSE_DEFAULT, FN_RESPONSE_BASIC, FN_RESPONSE_ERROR } fn_response_type;

typedef struct {
    int status;
    fn_response_type type;
    bool redirected;
    fn_guard guard;
    fn_headers *headers;
    JSValue headers_object; /* undefined until it is used */
    JSValue status_text;    /* a string; undefined when empty */
    JSValue url;            /* the same */
    fn_body body;
} fn_response;

extern JSClassID fn_response_class;

/* Takes ownership of `value`. NULL with an exception, and `value` freed, when out of memory. */
fn_response *fn_response_attach(JSContext *ctx, JSValue value);
bool fn_is_null_body_status(int status);

#endif
