/* What setTimeout and setInterval return: an object, as in Node, that converts to its number. */
#ifndef FN_WEB_TIMEOUT_H
#define FN_WEB_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "quickjs.h"

/* What a timer runs, and when. It is the opaque of a Timeout object. */
typedef struct {
    uint32_t id;
    uint32_t ms;
    bool repeat;
    bool counts;  /* what hasRef returns */
    JSValue func; /* undefined once the timer is cleared, which it stays */
    int argc;
    JSValue argv[];
} fn_timeout;

/* Takes ownership of `func`. The object is freed by its caller; `*timeout` lives as long. */
JSValue fn_timeout_new(JSContext *ctx, JSValue func, int argc, JSValueConst *argv,
                       fn_timeout **timeout);
/* NULL if the value is no Timeout. */
fn_timeout *fn_timeout_of(JSValueConst value);
/* Drops what the timer would run. */
void fn_timeout_clear(JSContext *ctx, fn_timeout *timeout);

/* What the methods call, in timers.c. Starts the time again, also after the timer has fired. 0, or
 * -1 with an exception. */
int fn_timer_refresh(JSContext *ctx, fn_timeout *timeout);
void fn_timer_close(JSContext *ctx, fn_timeout *timeout);

int fn_timeout_init(JSContext *ctx);

#endif
