/* `fn:process`: child processes that a function starts. Each leads its own process group and
 * belongs to the invocation that started it: when that ends, the group is killed, and what waits
 * for it is notified. Their standard streams are pipes in the worker's loop, so nothing in /dev is
 * needed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "node/files.h"
#include "node/child_process.h"

#define MAX_CHILD_PROCESSES 16

static JSClassID child_process_class;

static void free_if_over(fn_child_process *child) {
    if (child->handles == 0 && child->object_gone) {
        fn_invocation_unref(child->invocation);
        free(child);
    }
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    (void)rt;
    fn_child_process *child = JS_GetOpaque(value, child_process_class);
    if (child != NULL) {
        child->object_gone = true;
        free_if_over(child);
    }
}

int fn_child_processes_init(fn_worker *worker) {
    static const JSClassDef definition = {"ChildProcess", .finalizer = finalize};
    JS_NewClassID(worker->rt, &child_process_class);
    return JS_NewClass(worker->rt, child_process_class, &definition);
}

static void stop_events(fn_child_process *child) {
    if (child->events_over) {
        return;
    }
    JSContext *ctx = child->worker->ctx;
    child->events_over = true;
    JS_FreeValue(ctx, child->async);
    JS_FreeValue(ctx, child->on_event);
    child->async = child->on_event = JS_UNDEFINED;
}

/* Takes ownership of the values. The callback may end the invocation, and with it this child. */
void fn_child_process_emit(fn_child_process *child, const char *what, JSValue first,
                           JSValue second) {
    JSContext *ctx = child->worker->ctx;
    if (!child->events_over) {
        JSValue async = JS_DupValue(ctx, child->async);
        JSValue callback = JS_DupValue(ctx, child->on_event);
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

static void unlink_child(fn_child_process *child) {
    fn_child_process **link = &child->worker->child_processes;
    while (*link != child) {
        link = &(*link)->next;
    }
    *link = child->next;
    child->worker->child_process_count--;
}

static void on_closed(uv_handle_t *handle) {
    fn_child_process *child = handle->data;
    if (child->handles > 1) {
        child->handles--;
        return;
    }
    unlink_child(child);
    stop_events(child); /* may finalize its object */
    child->handles = 0;
    free_if_over(child);
}

void fn_child_process_close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

void fn_child_process_close_pipe(fn_child_process *child, int which) {
    if (child->pipes[which].data != NULL) {
        fn_child_process_close_handle((uv_handle_t *)&child->pipes[which]);
    }
}

static void kill_group(fn_child_process *child) {
    if (child->running) {
        kill(-child->process.pid, SIGKILL);
    }
}

void fn_child_processes_end(fn_worker *worker, const fn_invocation *invocation) {
    for (fn_child_process *child = worker->child_processes; child != NULL; child = child->next) {
        if (invocation != NULL && child->invocation != invocation) {
            continue;
        }
        kill_group(child);
        if (invocation != NULL && fn_invocation_live(invocation)) {
            continue;
        }
        stop_events(child);
        for (int i = 0; i < FN_STREAMS; i++) {
            fn_child_process_close_pipe(child, i);
        }
    }
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal) {
    fn_child_process *child = process->data;
    JSContext *ctx = child->worker->ctx;
    /* Everything that it started and left running ends with it. */
    kill_group(child);
    child->running = false;
    fn_child_process_close_pipe(child, 0);
    fn_child_process_emit(child, "exit", JS_NewInt64(ctx, status), JS_NewInt32(ctx, signal));
    fn_child_process_close_handle((uv_handle_t *)process);
}

fn_child_process *fn_child_process_of(JSContext *ctx, JSValueConst value) {
    return JS_GetOpaque2(ctx, value, child_process_class);
}

/* (child, signal): whether the signal was sent */
static JSValue signal_child(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    int32_t signal;
    fn_child_process *child = fn_child_process_of(ctx, argv[0]);
    if (child == NULL || JS_ToInt32(ctx, &signal, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    if (signal < 0 || signal > 31) {
        return JS_ThrowRangeError(ctx, "the signal must be from 0 to 31");
    }
    return JS_NewBool(ctx, child->running && kill(child->process.pid, signal) == 0);
}

static JSValue pid_of(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_child_process *child = fn_child_process_of(ctx, argv[0]);
    return child == NULL ? JS_EXCEPTION : JS_NewInt32(ctx, child->process.pid);
}

static int make_pipes(fn_child_process *child, uv_stdio_container_t *stdio) {
    for (int i = 0; i < FN_STREAMS; i++) {
        int err = uv_pipe_init(&child->worker->loop, &child->pipes[i], 0);
        if (err != 0) {
            return err;
        }
        child->pipes[i].data = child;
        child->handles++;
        stdio[i].flags = UV_CREATE_PIPE | (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
        stdio[i].data.stream = (uv_stream_t *)&child->pipes[i];
    }
    return 0;
}

static int start(fn_child_process *child, const char *path, const char *cwd, char **args,
                 char **env) {
    uv_stdio_container_t stdio[FN_STREAMS];
    int err = make_pipes(child, stdio);
    uv_process_options_t options = {.exit_cb = on_exit_status,
                                    .file = path,
                                    .args = args,
                                    .env = env,
                                    .cwd = cwd,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = FN_STREAMS,
                                    .stdio = stdio};
    if (err == 0) {
        err = uv_spawn(&child->worker->loop, &child->process, &options);
        child->process.data = child;
        child->handles++; /* the handle has to be closed even if this failed */
    }
    if (err != 0) {
        for (int i = 0; i < FN_STREAMS; i++) {
            fn_child_process_close_pipe(child, i);
        }
        if (child->process.data != NULL) {
            fn_child_process_close_handle((uv_handle_t *)&child->process);
        }
    }
    child->running = err == 0;
    return err;
}

static fn_child_process *new_child(fn_worker *worker, JSValueConst on_event) {
    fn_child_process *child = calloc(1, sizeof(*child));
    if (child == NULL) {
        return NULL;
    }
    child->worker = worker;
    child->async = fn_host_async_context(worker->ctx);
    child->invocation = fn_invocation_ref(fn_async_invocation(worker, child->async));
    child->on_event = JS_DupValue(worker->ctx, on_event);
    child->next = worker->child_processes;
    worker->child_processes = child;
    worker->child_process_count++;
    return child;
}

static JSValue launch(JSContext *ctx, const char *path, const char *cwd, char **args, char **env,
                      JSValueConst on_event) {
    fn_worker *worker = fn_worker_of(ctx);
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, child_process_class);
    if (JS_IsException(object)) {
        return object;
    }
    fn_child_process *child = new_child(worker, on_event);
    if (child == NULL) {
        JS_FreeValue(ctx, object);
        return JS_ThrowOutOfMemory(ctx);
    }
    JS_SetOpaque(object, child);
    int err = start(child, path, cwd, args, env);
    if (err != 0) {
        stop_events(child);
        if (child->handles == 0) {
            unlink_child(child);
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
        fn_place program, directory = {.dir = -1};
        int err = fn_place_program(worker, file, env, &program);
        int directory_err =
            cwd == NULL || err != 0 ? 0 : fn_place_find(worker, cwd, true, &directory);
        if (worker->child_process_count >= MAX_CHILD_PROCESSES) {
            err = UV_EAGAIN;
        }
        if (worker->current != NULL && worker->current->state == FN_GONE) {
            err = UV_EPERM; /* nothing would end it, and nothing counts its CPU time */
        }
        result = err != 0 ? fn_throw_errno(ctx, err, "spawn", file)
                 : directory_err != 0
                     ? fn_throw_errno(ctx, directory_err, "spawn", cwd)
                     : launch(ctx, program.real, cwd == NULL ? NULL : directory.real, args, env,
                              argv[4]);
        fn_place_close(&program);
        fn_place_close(&directory);
    }
    fn_words_free(env);
    fn_words_free(args);
    JS_FreeCString(ctx, cwd);
    JS_FreeCString(ctx, file);
    return result;
}

const JSCFunctionListEntry fn_child_process_functions[] = {
    JS_CFUNC_DEF("spawn", 5, spawn),
    JS_CFUNC_DEF("write", 2, fn_child_process_write),
    JS_CFUNC_DEF("end", 1, fn_child_process_end_input),
    JS_CFUNC_MAGIC_DEF("read", 2, fn_child_process_read, FN_CHILD_PROCESS_READ),
    JS_CFUNC_MAGIC_DEF("pause", 2, fn_child_process_read, FN_CHILD_PROCESS_PAUSE),
    JS_CFUNC_DEF("kill", 2, signal_child),
    JS_CFUNC_DEF("pid", 1, pid_of),
};
const int fn_child_process_function_count =
    sizeof(fn_child_process_functions) / sizeof(fn_child_process_functions[0]);
