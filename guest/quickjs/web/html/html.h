/* The global scope's functions, and timers. */
#ifndef FN_WEB_HTML_H
#define FN_WEB_HTML_H

#include "quickjs.h"

int fn_globals_init(JSContext *ctx);
int fn_timers_init(JSContext *ctx);

#endif
