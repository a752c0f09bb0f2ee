/* Runs a target's JavaScript in the worker's own engine: its default export gets the input's bytes,
 * and whatever it throws, or rejects with, is a finding. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "worker.h"

#define COLLECT_EVERY 64 /* inputs; what a script leaves behind is not to fill the memory */

#define MOST_CPU 1 /* s an input may take: a regular expression may backtrack for ever */

static fn_worker worker;
static JSValue run;
static clock_t until;
static bool interrupted;

/* The engine asks: is it to stop? */
static int on_poll(JSRuntime *rt, void *opaque) {
    (void)rt;
    (void)opaque;
    interrupted = interrupted || clock() > until;
    return interrupted;
}

static _Noreturn void found(JSValue error) {
    JSContext *ctx = worker.ctx;
    const char *what = JS_ToCString(ctx, error);
    JSValue stack = JS_GetPropertyStr(ctx, error, "stack");
    const char *where = JS_ToCString(ctx, stack);
    fprintf(stderr, "%s\n%s\n", what != NULL ? what : "?", where != NULL ? where : "");
    abort();
}

static char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *len = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*len + 1);
    if (text == NULL || fread(text, 1, *len, file) != *len) {
        perror(path);
        exit(2);
    }
    text[*len] = '\0';
    fclose(file);
    return text;
}

static void run_jobs(void) {
    JSContext *ctx;
    int more;
    while ((more = JS_ExecutePendingJob(worker.rt, &ctx)) > 0) {
        /* what the target awaits */
    }
    if (more < 0 && !interrupted) {
        found(JS_GetException(ctx));
    }
}

void fn_fuzz_script_load(const char *path) {
    fn_grants grants = {0};
    if (fn_closing_prepare(&worker, &grants) != 0 || fn_engine_init(&worker) != 0) {
        fputs("fuzz: no engine\n", stderr);
        exit(2);
    }
    fn_engine_seal(&worker);
    JS_SetInterruptHandler(worker.rt, on_poll, NULL);
    until = clock() + 60 * CLOCKS_PER_SEC;
    JS_UpdateStackTop(worker.rt);
    JSContext *ctx = worker.ctx;
    size_t len;
    char *source = read_file(path, &len);
    JSValue module = fn_bundle_compile(&worker, source, len);
    free(source);
    if (JS_IsException(module)) {
        found(JS_GetException(ctx));
    }
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue loaded = JS_EvalFunction(ctx, module);
    run_jobs();
    if (JS_PromiseState(ctx, loaded) == JS_PROMISE_REJECTED) {
        found(JS_PromiseResult(ctx, loaded));
    }
    JS_FreeValue(ctx, loaded);
    JSValue exports = JS_GetModuleNamespace(ctx, definition);
    run = JS_GetPropertyStr(ctx, exports, "default");
    JS_FreeValue(ctx, exports);
}

static void check_settled(JSValueConst result) {
    JSPromiseStateEnum state = JS_PromiseState(worker.ctx, result);
    if (interrupted) {
        JS_FreeValue(worker.ctx, JS_GetException(worker.ctx));
        return;
    }
    if (state == JS_PROMISE_REJECTED) {
        found(JS_PromiseResult(worker.ctx, result));
    }
    if (state == JS_PROMISE_PENDING) {
        fputs("fuzz: the target waits for something that does not come\n", stderr);
        abort();
    }
}

void fn_fuzz_script(const uint8_t *data, size_t len) {
    static size_t inputs;
    JSContext *ctx = worker.ctx;
    interrupted = false;
    until = clock() + MOST_CPU * CLOCKS_PER_SEC;
    JSValue bytes = JS_NewUint8ArrayCopy(ctx, data, len);
    JSValueConst args[] = {bytes};
    JSValue result = JS_Call(ctx, run, JS_UNDEFINED, 1, args);
    if (JS_IsException(result) && !interrupted) {
        found(JS_GetException(ctx));
    }
    run_jobs();
    check_settled(result);
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, bytes);
    if (++inputs % COLLECT_EVERY == 0) {
        JS_RunGC(worker.rt);
    }
}
