/* The global scope's functions, and timers. */
#ifndef FN_WEB_HTML_H
#define FN_WEB_HTML_H

#include <stdbool.h>
#include "quickjs.h"

int fn_globals_init(JSContext *ctx);
int fn_timers_init(JSContext *ctx);

/* Called with where a timer of a request was set. */
typedef void fn_timer_ended(JSContext *ctx, const JSPlace *place, void *opaque);
/* Removes the timers of invocations that were stopped; with `all` every timer. */
void fn_timers_end(JSContext *ctx, bool all, fn_timer_ended *ended, void *opaque);

#endif
