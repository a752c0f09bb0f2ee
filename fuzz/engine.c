/* The one worker that all targets use: created as the zygote creates it, sealed, and allowed the
 * files of a directory tree that the target creates. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fn_worker worker;

fn_worker *fn_fuzz_worker(void) {
    fn_grants grants = {0};
    if (worker.rt != NULL) {
        return &worker;
    }
    if (fn_lockdown_prepare(&worker, &grants) != 0 || fn_worker_init(&worker) != 0) {
        fputs("fuzz: cannot create the engine\n", stderr);
        exit(2);
    }
    fn_engine_seal(&worker);
    JS_UpdateStackTop(worker.rt);
    const char *root = fn_fuzz_tree();
    if (fn_paths_add(&worker.paths, root) != 0) {
        exit(2);
    }
    worker.limits = (fn_limits){.memory_bytes = (uint64_t)1 << 40, .allow_filesystem = true};
    worker.env = JS_NewObject(worker.ctx);
    JS_SetPropertyStr(worker.ctx, worker.env, "ROOT", JS_NewString(worker.ctx, root));
    return &worker;
}

_Noreturn void fn_fuzz_found(JSValue error) {
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

JSValue fn_fuzz_load(const char *path) {
    JSContext *ctx = worker.ctx;
    size_t len;
    char *source = read_file(path, &len);
    JSValue module = fn_bundle_compile(&worker, source, len);
    free(source);
    if (JS_IsException(module)) {
        fn_fuzz_found(JS_GetException(ctx));
    }
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue loaded = JS_EvalFunction(ctx, module);
    JSContext *job_ctx;
    int more;
    while ((more = JS_ExecutePendingJob(worker.rt, &job_ctx)) > 0) {
        /* runs what the module awaits */
    }
    if (more < 0 || JS_PromiseState(ctx, loaded) == JS_PROMISE_REJECTED) {
        fn_fuzz_found(more < 0 ? JS_GetException(ctx) : JS_PromiseResult(ctx, loaded));
    }
    JS_FreeValue(ctx, loaded);
    return JS_GetModuleNamespace(ctx, definition);
}
