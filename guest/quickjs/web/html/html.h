/* The global scope's functions, and timers. */
#ifndef FN_WEB_HTML_H
#define FN_WEB_HTML_H

#include <stdbool.h>
#include "core/places.h"
#include "quickjs.h"

int fn_globals_init(JSContext *ctx);
int fn_timers_init(JSContext *ctx);

/* Called with the request that set a timer, by its async context, and where. */
typedef void fn_timer_ended(JSContext *ctx, JSValueConst async_context, const fn_places *places,
                            void *opaque);
/* Removes the timers of invocations that were stopped; with `all` every timer. */
void fn_timers_end(JSContext *ctx, bool all, fn_timer_ended *ended, void *opaque);
/* Whether a timer of a request is due by `until`, on the clock of uv_now. An interval that ran
 * after `since` does not count: it would be due for ever. */
bool fn_timers_due(JSContext *ctx, uint64_t since, uint64_t until);
/* Whether a timer of a request in flight is due now. */
bool fn_timers_wait(JSContext *ctx);

#endif
