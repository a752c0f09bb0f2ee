/* The clock of the Performance interface. */
#ifndef FN_WEB_PERFORMANCE_H
#define FN_WEB_PERFORMANCE_H

#include "quickjs.h"

/* Defines the global `performance`, whose getter loads the JS of the interface. */
int fn_performance_init(JSContext *ctx);
void fn_performance_after_fork(void);
double fn_performance_now(void);         /* ms since the time origin */
double fn_performance_time_origin(void); /* ms since the epoch */

#endif
