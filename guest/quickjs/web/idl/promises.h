/* Promises for the JS of the Web APIs. */
#ifndef FN_WEB_PROMISES_H
#define FN_WEB_PROMISES_H

#include "quickjs.h"

JSValue fn_promise_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_then(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_upon(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);
JSValue fn_promise_rejected_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv);
JSValue fn_promise_resolved_with(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv);
JSValue fn_promise_mark_handled(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv);
JSValue fn_promise_result(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

#endif
