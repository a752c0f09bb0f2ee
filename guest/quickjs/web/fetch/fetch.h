/* Declarations that the files of fetch share, and functions for its JS. */
#ifndef FN_WEB_FETCH_H
#define FN_WEB_FETCH_H

#include "web/fetch/host.h"

/* The protocol's functions. fn_web_init sets them before anything of fetch is used. */
extern const fn_web_host *fn_fetch_host;

int fn_headers_init(JSContext *ctx);
int fn_body_init(JSContext *ctx);
int fn_host_body_init(JSContext *ctx);
int fn_request_init_class(JSContext *ctx);
int fn_response_init(JSContext *ctx);
int fn_stream_source_init(JSContext *ctx);

/* ---- fetch.c, for JS */

JSValue fn_fetch_url(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_fetch_body(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_fetch_signal(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_fetch_local(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_fetch_start(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_fetch_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

#endif
