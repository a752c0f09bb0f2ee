/* Background work: the code that runs for no request, because its request has ended or because the
 * bundle started it. */
#ifndef FN_BACKGROUND_H
#define FN_BACKGROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/host.h"
#include "core/invocation_record.h"
#include "core/places.h"
#include "uv.h"

/* Why a turn was interrupted. */
typedef enum {
    FN_INTERRUPT_NONE,
    FN_INTERRUPT_REQUEST,
    FN_INTERRUPT_HELP,
    FN_INTERRUPT_CPU,
    FN_INTERRUPT_END
} fn_interrupt;

typedef struct {
    uint64_t window_ms; /* from the end of the last request to the pause */
    uint64_t percent;   /* of a core, in the long run */
    int64_t burst_ns;   /* the bucket of CPU time: its size, its level, when it was last filled */
    int64_t level_ns;
    uint64_t filled_ns;
    bool starved; /* the bucket was empty, and is not full enough yet */
    uint64_t unreported_ns;
    uint64_t idle_since; /* uv_now at the end of the last request, or when the worker was ready */
    bool paused;
    bool running;           /* inside of a slice */
    bool job;               /* the next job may run */
    bool awake;             /* the idle handle or the timer is active */
    fn_interrupt interrupt; /* why the turn that runs has to end */
    char place[FN_PLACES_BYTES];
    uint64_t polled_ns;
    bool request_waits;
    uint64_t turn_ns; /* CPU time of the turn that runs which was reported already */
    bool repeats;     /* the turn that runs is one of an interval, which goes on after it */
    uint64_t logged_ns;
    bool over; /* the process ends */
    bool lost; /* the host was told that work had to be ended */
    fn_deferred *first;
    fn_deferred **end;
    uv_idle_t idle;
    uv_timer_t refill;
} fn_background;

#endif
