/* The zygote creates the engine once; each connection is then served by a fork. */
#ifndef FN_ZYGOTE_H
#define FN_ZYGOTE_H

#include "core/worker.h"

/* compose.c: creates the engine with all directories above core/. 0 or a libuv error. */
int fn_worker_init(fn_worker *worker);
/* In each worker after the fork: renews what must differ between workers. 0 or a negative errno. */
int fn_worker_after_fork(fn_worker *worker);

/* warmup.c */
void fn_warm_up(fn_worker *worker);

/* Reports an error from the kernel and ends the process. */
_Noreturn void fn_worker_refused(const char *what, int err);

/* worker_main.c: the life of a worker, from the start message to its end. */
_Noreturn void fn_worker_live(fn_worker *worker);

/* zygote_child.c: the life of a prefork spare, which waits for its connection and then becomes a
 * worker. It writes its number to `taken` when it has accepted one. */
_Noreturn void fn_zygote_child_run(fn_worker *worker, int listener, int taken, uint64_t number,
                                   int parent);
/* worker_main.c: a process that is one worker from its start, with its channel at descriptor 3. */
_Noreturn void fn_worker_run(fn_worker *worker, const fn_grants *grants);

/* zygote.c: runs until the host closes descriptor 3, and ends the process: 0, or 1 if it cannot
 * start. */
_Noreturn void fn_zygote_run(fn_worker *worker, const fn_grants *grants);

#endif
