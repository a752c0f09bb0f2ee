/* How fine the clock is that a tenant reads. */
#ifndef FN_CLOCK_H
#define FN_CLOCK_H

#include <stdint.h>

/* From now on performance.now goes in steps of so many microseconds. */
void fn_web_coarsen_clock(uint64_t grain_us);

#endif
