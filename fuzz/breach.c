/* Replaces the functions with which a worker ends, so that a target continues with the next input.
 * The linker substitutes them for the worker's own (--wrap). */
#include "fuzz.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf *waiting;
static yyjson_doc *open_doc;

yyjson_doc *fn_fuzz_read_json(const char *line, size_t len, yyjson_read_flag flags) {
    return open_doc = yyjson_read(line, len, flags);
}

void fn_fuzz_free_json(yyjson_doc *doc) {
    open_doc = NULL;
    yyjson_doc_free(doc);
}

_Noreturn void fn_fuzz_exit(int status) {
    (void)status;
    if (waiting == NULL) {
        fputs("fuzz: the worker ended outside of fn_fuzz_until_breach\n", stderr);
        abort();
    }
    longjmp(*waiting, 1);
}

_Noreturn void __wrap_fn_worker_breach(const char *what);
_Noreturn void __wrap_fn_worker_breach(const char *what) {
    (void)what;
    fn_fuzz_exit(FN_EXIT_BREACH);
}

/* Called from inside a script: no target gets there. */
_Noreturn void __wrap_fn_worker_exit(fn_worker *worker, int status, bool flush);
_Noreturn void __wrap_fn_worker_exit(fn_worker *worker, int status, bool flush) {
    (void)worker;
    (void)flush;
    fprintf(stderr, "fuzz: the worker ended with status %d\n", status);
    abort();
}

bool fn_fuzz_until_breach(void (*run)(void *), void *opaque) {
    jmp_buf here;
    waiting = &here;
    volatile bool broken = true;
    if (setjmp(here) == 0) {
        run(opaque);
        broken = false;
    }
    waiting = NULL;
    fn_fuzz_free_json(open_doc);
    return broken;
}
