/* Runs a target's JavaScript in the worker's engine: its default export is called with the input's
 * bytes, and an exception or a rejection is a finding. If it also exports `files`, it gets the tree
 * of tree.c at env.ROOT, new for each input. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define COLLECT_EVERY                                                                              \
    64 /* inputs between collections, so that garbage does not fill the memory                     \
        */

#define MOST_CPU 1 /* seconds per input: a regular expression may backtrack without end */

static fn_worker *worker;
static JSValue run;
static bool with_files;
static clock_t until;
static bool interrupted;

/* The engine's interrupt handler: returns whether to stop. */
static int on_poll(JSRuntime *rt, void *opaque) {
    (void)rt;
    (void)opaque;
    interrupted = interrupted || clock() > until;
    return interrupted;
}

void fn_fuzz_script_load(const char *path) {
    worker = fn_fuzz_worker();
    JS_SetInterruptHandler(worker->rt, on_poll, NULL);
    until = clock() + 60 * CLOCKS_PER_SEC;
    JSContext *ctx = worker->ctx;
    JSValue exports = fn_fuzz_load(path);
    run = JS_GetPropertyStr(ctx, exports, "default");
    JSValue files = JS_GetPropertyStr(ctx, exports, "files");
    with_files = JS_ToBool(ctx, files) > 0;
    JS_FreeValue(ctx, files);
    JS_FreeValue(ctx, exports);
}

static void run_jobs(void) {
    JSContext *ctx;
    int more;
    while ((more = JS_ExecutePendingJob(worker->rt, &ctx)) > 0) {
        /* runs what the target awaits */
    }
    if (more < 0 && !interrupted) {
        fn_fuzz_found(JS_GetException(ctx));
    }
}

static void check_settled(JSValueConst result) {
    JSPromiseStateEnum state = JS_PromiseState(worker->ctx, result);
    if (interrupted) {
        JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
        return;
    }
    if (state == JS_PROMISE_REJECTED) {
        fn_fuzz_found(JS_PromiseResult(worker->ctx, result));
    }
    if (state == JS_PROMISE_PENDING) {
        fputs("fuzz: the target awaits a promise that does not settle\n", stderr);
        abort();
    }
}

static void call(const uint8_t *data, size_t len) {
    JSContext *ctx = worker->ctx;
    JSValue bytes = JS_NewUint8ArrayCopy(ctx, data, len);
    JSValueConst args[] = {bytes};
    JSValue result = JS_Call(ctx, run, JS_UNDEFINED, 1, args);
    if (JS_IsException(result) && !interrupted) {
        fn_fuzz_found(JS_GetException(ctx));
    }
    run_jobs();
    check_settled(result);
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, bytes);
    fn_buffer_free(&worker->ipc.out); /* output of console */
}

/* The lowest free descriptor. */
static int lowest_free(void) {
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    close(fd);
    return fd;
}

void fn_fuzz_script(const uint8_t *data, size_t len) {
    static size_t inputs;
    interrupted = false;
    until = clock() + MOST_CPU * CLOCKS_PER_SEC;
    int fd = 0;
    if (with_files) {
        fn_fuzz_tree_renew();
        fd = lowest_free();
    }
    call(data, len);
    if (++inputs % COLLECT_EVERY == 0) {
        JS_RunGC(worker->rt);
    }
    if (with_files) {
        fn_fuzz_tree_check();
    }
    if (with_files && lowest_free() != fd) {
        fputs("fuzz: a file was left open\n", stderr);
        abort();
    }
}
