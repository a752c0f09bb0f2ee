/* The template: makes the engine once, then each connection is a fork. */
#ifndef FN_TEMPLATE_H
#define FN_TEMPLATE_H

#include "core/worker.h"

/* compose.c: the engine, with every room above it. 0 or an error of libuv's. */
int fn_worker_init(fn_worker *worker);
/* In each worker, after the fork: draws anew what must differ. 0 or a negative errno. */
int fn_worker_after_fork(fn_worker *worker);

/* warmup.c */
void fn_rehearse(fn_worker *worker);

/* What the kernel refused ends the process. */
_Noreturn void fn_worker_refused(const char *what, int err);

/* worker_main.c: a worker's life, from the start line on. */
_Noreturn void fn_worker_live(fn_worker *worker);

/* zygote_child.c: the life of a fork, which waits for its connection first. It writes its number to
 * `taken` when it got one. */
_Noreturn void fn_child_run(fn_worker *worker, int listener, int taken, uint64_t number,
                            int parent);
/* A process that is one worker from its start, with its channel at 3. */
_Noreturn void fn_worker_run(fn_worker *worker, const fn_grants *grants);

/* Runs until the host closes fd 3, and ends the process: 0, or 1 where it cannot start. */
_Noreturn void fn_template_run(fn_worker *worker, const fn_grants *grants);

#endif
