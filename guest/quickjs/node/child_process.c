/* `fn:process`: programs that a function starts. Each leads a process group of its own and belongs
 * to the invocation that started it: when that is over, the group is killed. Their standard streams
 * are pipes of the worker's loop, so that nothing of /dev is needed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/files.h"
#include "node/child_process.h"

#define MAX_PROGRAMS 16

static JSClassID program_class;

static void free_if_over(fn_program *program) {
    if (program->handles == 0 && program->object_gone) {
        fn_invocation_unref(program->invocation);
        free(program);
    }
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    (void)rt;
    fn_program *program = JS_GetOpaque(value, program_class);
    if (program != NULL) {
        program->object_gone = true;
        free_if_over(program);
    }
}

int fn_programs_init(fn_worker *worker) {
    static const JSClassDef definition = {"Program", .finalizer = finalize};
    JS_NewClassID(worker->rt, &program_class);
    return JS_NewClass(worker->rt, program_class, &definition);
}

static void tell_no_more(fn_program *program) {
    if (program->told_all) {
        return;
    }
    JSContext *ctx = program->worker->ctx;
    program->told_all = true;
    JS_FreeValue(ctx, program->async);
    JS_FreeValue(ctx, program->on_event);
    program->async = program->on_event = JS_UNDEFINED;
}

/* Takes the values over. The callback may end the invocation, and with it all of this. */
void fn_program_tell(fn_program *program, const char *what, JSValue first, JSValue second) {
    JSContext *ctx = program->worker->ctx;
    if (!program->told_all) {
        JSValue async = JS_DupValue(ctx, program->async);
        JSValue callback = JS_DupValue(ctx, program->on_event);
        JSValue name = JS_NewString(ctx, what);
        JSValueConst args[] = {name, first, second};
        if (!JS_IsException(name) && !JS_IsException(first)) {
            fn_host_call(ctx, async, callback, 3, args);
        }
        JS_FreeValue(ctx, name);
        JS_FreeValue(ctx, callback);
        JS_FreeValue(ctx, async);
    }
    JS_FreeValue(ctx, first);
    JS_FreeValue(ctx, second);
}

static void unlink_program(fn_program *program) {
    fn_program **link = &program->worker->programs;
    while (*link != program) {
        link = &(*link)->next;
    }
    *link = program->next;
    program->worker->program_count--;
}

static void on_closed(uv_handle_t *handle) {
    fn_program *program = handle->data;
    if (program->handles > 1) {
        program->handles--;
        return;
    }
    unlink_program(program);
    tell_no_more(program); /* which may be the end of its object */
    program->handles = 0;
    free_if_over(program);
}

void fn_program_close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

void fn_program_close_pipe(fn_program *program, int which) {
    if (program->pipes[which].data != NULL) {
        fn_program_close_handle((uv_handle_t *)&program->pipes[which]);
    }
}

static void kill_group(fn_program *program) {
    if (program->running) {
        kill(-program->process.pid, SIGKILL);
    }
}

void fn_programs_end(fn_worker *worker, const fn_invocation *invocation) {
    for (fn_program *program = worker->programs; program != NULL; program = program->next) {
        if (invocation != NULL && program->invocation != invocation) {
            continue;
        }
        kill_group(program);
        tell_no_more(program);
        for (int i = 0; i < FN_STREAMS; i++) {
            fn_program_close_pipe(program, i);
        }
    }
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal) {
    fn_program *program = process->data;
    JSContext *ctx = program->worker->ctx;
    /* Whatever it started and left behind ends with it. */
    kill_group(program);
    program->running = false;
    fn_program_close_pipe(program, 0);
    fn_program_tell(program, "exit", JS_NewInt64(ctx, status), JS_NewInt32(ctx, signal));
    fn_program_close_handle((uv_handle_t *)process);
}

fn_program *fn_program_of(JSContext *ctx, JSValueConst value) {
    return JS_GetOpaque2(ctx, value, program_class);
}

/* (program, signal): was there anybody to signal? */
static JSValue signal_program(JSContext *ctx, JSValueConst this_value, int argc,
                              JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    int32_t signal;
    fn_program *program = fn_program_of(ctx, argv[0]);
    if (program == NULL || JS_ToInt32(ctx, &signal, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    if (signal < 0 || signal > 31) {
        return JS_ThrowRangeError(ctx, "no such signal");
    }
    return JS_NewBool(ctx, program->running && kill(program->process.pid, signal) == 0);
}

static JSValue pid_of(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_program *program = fn_program_of(ctx, argv[0]);
    return program == NULL ? JS_EXCEPTION : JS_NewInt32(ctx, program->process.pid);
}

static int make_pipes(fn_program *program, uv_stdio_container_t *stdio) {
    for (int i = 0; i < FN_STREAMS; i++) {
        int err = uv_pipe_init(&program->worker->loop, &program->pipes[i], 0);
        if (err != 0) {
            return err;
        }
        program->pipes[i].data = program;
        program->handles++;
        stdio[i].flags = UV_CREATE_PIPE | (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
        stdio[i].data.stream = (uv_stream_t *)&program->pipes[i];
    }
    return 0;
}

static int start(fn_program *program, const char *path, const char *cwd, char **args, char **env) {
    uv_stdio_container_t stdio[FN_STREAMS];
    int err = make_pipes(program, stdio);
    uv_process_options_t options = {.exit_cb = on_exit_status,
                                    .file = path,
                                    .args = args,
                                    .env = env,
                                    .cwd = cwd,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = FN_STREAMS,
                                    .stdio = stdio};
    if (err == 0) {
        err = uv_spawn(&program->worker->loop, &program->process, &options);
        program->process.data = program;
        program->handles++; /* also when it fails, the handle is to be closed */
    }
    if (err != 0) {
        for (int i = 0; i < FN_STREAMS; i++) {
            fn_program_close_pipe(program, i);
        }
        if (program->process.data != NULL) {
            fn_program_close_handle((uv_handle_t *)&program->process);
        }
    }
    program->running = err == 0;
    return err;
}

static fn_program *new_program(fn_worker *worker, JSValueConst on_event) {
    fn_program *program = calloc(1, sizeof(*program));
    if (program == NULL) {
        return NULL;
    }
    program->worker = worker;
    program->async = fn_host_async_context(worker->ctx);
    program->invocation = fn_invocation_ref(fn_async_invocation(worker, program->async));
    program->on_event = JS_DupValue(worker->ctx, on_event);
    program->next = worker->programs;
    worker->programs = program;
    worker->program_count++;
    return program;
}

static JSValue launch(JSContext *ctx, const char *path, const char *cwd, char **args, char **env,
                      JSValueConst on_event) {
    fn_worker *worker = fn_worker_of(ctx);
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, program_class);
    if (JS_IsException(object)) {
        return object;
    }
    fn_program *program = new_program(worker, on_event);
    if (program == NULL) {
        JS_FreeValue(ctx, object);
        return JS_ThrowOutOfMemory(ctx);
    }
    JS_SetOpaque(object, program);
    int err = start(program, path, cwd, args, env);
    if (err != 0) {
        tell_no_more(program);
        if (program->handles == 0) {
            unlink_program(program);
        }
        JS_FreeValue(ctx, object);
        return fn_throw_errno(ctx, err, "spawn", path);
    }
    return object;
}

/* (file, arguments, environment, cwd or undefined, on_event) */
static JSValue spawn(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_worker *worker = fn_worker_of(ctx);
    const char *file = fn_path_argument(ctx, argv[0]);
    const char *cwd = JS_IsUndefined(argv[3]) ? NULL : fn_path_argument(ctx, argv[3]);
    char **args = file == NULL ? NULL : fn_words_take(ctx, argv[1]);
    char **env = args == NULL ? NULL : fn_words_take(ctx, argv[2]);
    JSValue result = JS_EXCEPTION;
    if (env != NULL && (cwd != NULL || JS_IsUndefined(argv[3]))) {
        fn_place program, folder = {.dir = -1};
        int err = fn_place_program(worker, file, env, &program);
        int folder_err = cwd == NULL || err != 0 ? 0 : fn_place_find(worker, cwd, true, &folder);
        if (worker->program_count >= MAX_PROGRAMS) {
            err = UV_EAGAIN;
        }
        result = err != 0          ? fn_throw_errno(ctx, err, "spawn", file)
                 : folder_err != 0 ? fn_throw_errno(ctx, folder_err, "spawn", cwd)
                                   : launch(ctx, program.real, cwd == NULL ? NULL : folder.real,
                                            args, env, argv[4]);
        fn_place_close(&program);
        fn_place_close(&folder);
    }
    fn_words_free(env);
    fn_words_free(args);
    JS_FreeCString(ctx, cwd);
    JS_FreeCString(ctx, file);
    return result;
}

const JSCFunctionListEntry fn_program_functions[] = {
    JS_CFUNC_DEF("spawn", 5, spawn),
    JS_CFUNC_DEF("write", 2, fn_program_write),
    JS_CFUNC_DEF("end", 1, fn_program_end_input),
    JS_CFUNC_MAGIC_DEF("read", 2, fn_program_read, FN_PROGRAM_READ),
    JS_CFUNC_MAGIC_DEF("pause", 2, fn_program_read, FN_PROGRAM_PAUSE),
    JS_CFUNC_DEF("kill", 2, signal_program),
    JS_CFUNC_DEF("pid", 1, pid_of),
};
const int fn_program_function_count =
    sizeof(fn_program_functions) / sizeof(fn_program_functions[0]);
