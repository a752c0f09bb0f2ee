/* A Response, for the files that make it, show it to scripts, and read it for the host. */
#ifndef FN_WEB_RESPONSE_H
#define FN_WEB_RESPONSE_H

#include "body.h"

typedef struct {
    int status;
    bool is_error;
    fn_guard guard;
    fn_headers *headers;
    JSValue headers_object; /* undefined until asked for */
    JSValue status_text;    /* a string, or undefined for an empty one */
    fn_body body;
} fn_response;

/* Reads a ResponseInit. 0, or -1 with an exception. */
int fn_response_apply(JSContext *ctx, fn_response *response, JSValueConst init);

extern const JSCFunctionListEntry fn_response_members[];
extern const int fn_response_member_count;

#endif
