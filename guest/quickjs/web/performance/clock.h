/* The resolution of the clock that scripts read. */
#ifndef FN_CLOCK_H
#define FN_CLOCK_H

#include <stdint.h>

/* Rounds performance.now down to multiples of this many microseconds. */
void fn_web_coarsen_clock(uint64_t grain_us);

#endif
