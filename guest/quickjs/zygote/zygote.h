/* The template: makes the engine once, then each connection is a fork. */
#ifndef FN_TEMPLATE_H
#define FN_TEMPLATE_H

#include "core/worker.h"

/* Runs until the host closes fd 3, and ends the process: 0, or 1 where it cannot start. */
_Noreturn void fn_template_run(fn_worker *worker, const fn_grants *grants);

#endif
