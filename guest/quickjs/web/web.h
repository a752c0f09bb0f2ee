/* The part of the Web APIs that the rooms above may use. */
#ifndef FN_WEB_H
#define FN_WEB_H

#include <stdbool.h>
#include "quickjs.h"
#include "web/crypto/web_crypto.h"
#include "web/fetch/host.h"
#include "web/idl/error_text.h"

/* Installs every global on the run context. Called once, in the zygote, before any fork. `host`
 * must live as long as the process. */
int fn_web_init(JSContext *ctx, const fn_web_host *host);
/* Called once in each worker, right after the fork: resets the time origin. */
int fn_web_after_fork(JSContext *ctx);

/* A function of fetch/assets.js, which bundles get as `fn:assets`. */
JSValue fn_web_asset_function(JSContext *ctx, const char *name);

/* Dispatches an uncaught error to the scope's listeners (`error`, `unhandledrejection`,
 * `rejectionhandled`), which runs code of the bundle. True when a listener cancelled the event:
 * then nothing is logged. */
bool fn_web_report_error(JSContext *ctx, JSValueConst error);
typedef enum { FN_EVENT_NO_LISTENER, FN_EVENT_DISPATCHED, FN_EVENT_CANCELLED } fn_event_outcome;
fn_event_outcome fn_web_report_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason,
                                         bool handled);

#endif
