/* The start of a worker: it reads what the host alone wrote, applies the limits and the sandbox,
 * and only then reads bytes from the tenant. */
#include "zygote/zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/json_out.h"
#include "invocation/invocation.h"
#include "web/performance/clock.h"

#define START_MS 5000       /* maximum time to read the start line */
#define SILENCE_MS 5000     /* maximum pause in the payload that follows it */
#define BACKGROUND_MS 30000 /* without these limits in the start message */
#define BACKGROUND_CPU_PERCENT 10
#define STRICT_CLOCK_US                                                                            \
    100 /* coarser than the cache effects of other tenants' work, which finer steps would show */

_Noreturn void fn_worker_refused(const char *what, int err) {
    fprintf(stderr, "quickjs-worker: %s: %s\n", what, uv_strerror(err));
    _exit(FN_EXIT_FAILED);
}

/* Reads once, and waits at most until `until_ns`. Returns 0 at end of file; exits if nothing
 * arrives. */
static size_t read_some(uint8_t *buffer, size_t len, uint64_t until_ns) {
    for (;;) {
        uint64_t now = fn_wall_ns();
        struct pollfd readable = {.fd = FN_CHANNEL_FD, .events = POLLIN};
        int wait = now < until_ns ? (int)((until_ns - now) / 1000000u) + 1 : 0;
        if (poll(&readable, 1, wait) == 0) {
            _exit(FN_EXIT_FAILED);
        }
        ssize_t count = recv(FN_CHANNEL_FD, buffer, len, MSG_DONTWAIT);
        if (count >= 0) {
            return (size_t)count;
        }
        if (errno != EAGAIN && errno != EINTR) {
            _exit(FN_EXIT_FAILED);
        }
    }
}

static uint64_t after_ms(uint64_t ms) {
    return fn_wall_ns() + ms * 1000000u;
}

static uint64_t get_limit(yyjson_val *limits, const char *key) {
    yyjson_val *value = yyjson_obj_get(limits, key);
    if (!yyjson_is_uint(value)) {
        fn_worker_breach("a limit of the start message is missing or invalid");
    }
    /* Far above any sensible limit, and low enough that no product or sum of it overflows. */
    uint64_t most = (uint64_t)1 << 40;
    return yyjson_get_uint(value) < most ? yyjson_get_uint(value) : most;
}

static uint64_t get_limit_or(yyjson_val *limits, const char *key, uint64_t otherwise) {
    return yyjson_obj_get(limits, key) == NULL ? otherwise : get_limit(limits, key);
}

static void take_paths(fn_worker *worker, yyjson_val *list) {
    size_t i, count;
    yyjson_val *path;
    yyjson_arr_foreach(list, i, count, path) {
        if (!yyjson_is_str(path)) {
            fn_worker_breach("an allowed path is not a string");
        }
        if (fn_paths_add(&worker->paths, yyjson_get_str(path)) != 0) {
            _exit(FN_EXIT_FAILED);
        }
    }
}

/* Parses the start line into worker->limits; returns the number of bytes that follow it. */
static size_t parse_start(fn_worker *worker, const uint8_t *line, size_t len) {
    yyjson_doc *doc = yyjson_read((const char *)line, len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *limits = yyjson_obj_get(root, "limits");
    yyjson_val *capabilities = yyjson_obj_get(root, "capabilities");
    uint64_t bytes = yyjson_get_uint(yyjson_obj_get(root, "bytes"));
    if (!yyjson_equals_str(yyjson_obj_get(root, "type"), "start") ||
        yyjson_get_uint(yyjson_obj_get(root, "protocol")) != FN_PROTOCOL_VERSION || bytes == 0 ||
        bytes > FN_MAX_START_BYTES || !yyjson_is_obj(capabilities)) {
        fn_worker_breach("the first message is not a valid start");
    }
    worker->limits = (fn_limits){
        .memory_bytes = get_limit(limits, "memory_bytes"),
        .cpu_ms = get_limit(limits, "cpu_ms"),
        .fds = get_limit(limits, "fds"),
        .load_ms = get_limit(limits, "load_ms"),
        .load_cpu_ms = get_limit(limits, "load_cpu_ms"),
        .background_ms = get_limit_or(limits, "background_ms", BACKGROUND_MS),
        .background_percent =
            get_limit_or(limits, "background_cpu_percent", BACKGROUND_CPU_PERCENT),
        .allow_eval = yyjson_get_bool(yyjson_obj_get(capabilities, "allowEval")),
        .allow_filesystem = yyjson_get_bool(yyjson_obj_get(capabilities, "allowFilesystem")),
        .allow_child_process = yyjson_get_bool(yyjson_obj_get(capabilities, "allowChildProcess")),
    };
    if (worker->limits.background_percent == 0) {
        fn_worker_breach("no CPU time for background work");
    }
    take_paths(worker, yyjson_obj_get(capabilities, "allowedPaths"));
    yyjson_doc_free(doc);
    return (size_t)bytes;
}

/* Waits without a limit: the host opens connections before a function needs a worker. */
static void await_start(void) {
    struct pollfd readable = {.fd = FN_CHANNEL_FD, .events = POLLIN};
    while (poll(&readable, 1, -1) < 0) {
        if (errno != EINTR) {
            _exit(FN_EXIT_FAILED);
        }
    }
}

/* Reads the start line, and what arrived with it, into `in`; returns the length of the line. */
static size_t read_start_line(fn_buffer *in) {
    uint64_t until = after_ms(START_MS);
    for (;;) {
        uint8_t *newline = in->len > 0 ? memchr(in->data, '\n', in->len) : NULL;
        if (newline != NULL) {
            return (size_t)(newline - in->data);
        }
        if (in->len >= FN_MAX_START_LINE_BYTES ||
            fn_buffer_reserve(in, FN_MAX_START_LINE_BYTES - in->len) == NULL) {
            fn_worker_breach("a start line longer than 16 KiB");
        }
        size_t count = read_some(in->data + in->len, FN_MAX_START_LINE_BYTES - in->len, until);
        if (count == 0) {
            _exit(0);
        }
        in->len += count;
    }
}

/* Returns the payload of the start message, followed by a NUL byte; bytes after it are given to the
 * channel. */
static char *read_payload(fn_worker *worker, fn_buffer *in, size_t bytes) {
    char *payload = bytes < worker->limits.memory_bytes ? malloc(bytes + 1) : NULL;
    if (payload == NULL) {
        fn_bundle_failed(worker, "MEMORY_LIMIT", "The bundle is larger than the memory limit.",
                         NULL);
    }
    size_t have = in->len < bytes ? in->len : bytes;
    memcpy(payload, in->data, have);
    if (fn_ipc_unread(&worker->ipc, in->data + have, in->len - have) != 0) {
        _exit(FN_EXIT_FAILED);
    }
    while (have < bytes) {
        size_t count = read_some((uint8_t *)payload + have, bytes - have, after_ms(SILENCE_MS));
        if (count == 0) {
            _exit(0);
        }
        have += count;
    }
    payload[bytes] = '\0';
    return payload;
}

/* Reads the line before the bundle: the function's details. Returns the name of its handler. */
static const char *take_details(fn_worker *worker, const char *json, size_t len) {
    JSContext *ctx = worker->ctx;
    JSValue details = JS_ParseJSON(ctx, json, len, "<start>");
    worker->function_name = JS_GetPropertyStr(ctx, details, "function");
    worker->version = JS_GetPropertyStr(ctx, details, "version");
    worker->project = JS_GetPropertyStr(ctx, details, "project");
    worker->env = JS_GetPropertyStr(ctx, details, "env");
    JSValue handler = JS_GetPropertyStr(ctx, details, "handler");
    if (!JS_IsString(worker->function_name) || !JS_IsString(worker->version) ||
        !JS_IsString(worker->project) || !JS_IsObject(worker->env) || !JS_IsString(handler) ||
        JS_FreezeObject(ctx, worker->env) < 0) {
        fn_worker_breach("the details of the start message are invalid");
    }
    const char *name = JS_ToCString(ctx, handler);
    JS_FreeValue(ctx, handler);
    JS_FreeValue(ctx, details);
    if (name == NULL) {
        fn_worker_breach("the name of the handler is invalid");
    }
    return name;
}

/* Takes ownership of `payload`. */
static void load(fn_worker *worker, char *payload, size_t len) {
    char *newline = memchr(payload, '\n', len);
    if (newline == NULL) {
        fn_worker_breach("a start message without details");
    }
    *newline = '\0';
    const char *handler = take_details(worker, payload, (size_t)(newline - payload));
    const char *source = newline + 1;
    fn_bundle_load(worker, handler, payload, source, len - (size_t)(source - payload));
    JS_FreeCString(worker->ctx, handler);
}

static void say_ready(fn_worker *worker, uint64_t started_ns) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "ready");
    fn_buffer_text(out, ",\"protocol\":");
    fn_json_uint(out, FN_PROTOCOL_VERSION);
    fn_buffer_text(out, ",\"engine\":\"quickjs-ng/");
    fn_buffer_text(out, JS_GetVersion());
    fn_buffer_text(out, "\",\"init_us\":");
    fn_json_uint(out, (fn_wall_ns() - started_ns) / 1000);
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        fn_worker_exit(worker, FN_EXIT_FAILED, false);
    }
}

_Noreturn void fn_worker_live(fn_worker *worker) {
    int err = fn_loop_attach(worker, FN_CHANNEL_FD);
    if (err != 0) {
        fn_worker_refused("cannot create the event loop of a worker", err);
    }
    await_start();
    fn_buffer in = {0};
    size_t line_len = read_start_line(&in);
    uint64_t started = fn_wall_ns();
    uv_update_time(&worker->loop); /* timers count from now, not from the creation of the loop */
    size_t bytes = parse_start(worker, in.data, line_len);
    fn_buffer_drop(&in, line_len + 1);
    err = fn_limits_apply(worker);
    if (err != 0) {
        fn_worker_refused("cannot set the resource limits of a worker", err);
    }
    err = fn_worker_after_fork(worker);
    err = err != 0 ? err : fn_budget_start_ticks(worker);
    if (err != 0) {
        fn_worker_refused("cannot initialize the engine after the fork", err);
    }
    err = fn_lockdown_apply(worker);
    if (err != 0) {
        fn_worker_refused("cannot apply Landlock or seccomp", err);
    }
    if (!worker->limits.allow_filesystem && !worker->limits.allow_child_process) {
        fn_web_coarsen_clock(STRICT_CLOCK_US);
    }
    char *payload = read_payload(worker, &in, bytes);
    fn_buffer_free(&in);
    fn_heap_set_limit(&worker->heap, worker->limits.memory_bytes);
    if (worker->limits.allow_eval) {
        JS_AddIntrinsicEval(worker->ctx);
    }
    load(worker, payload, bytes);
    say_ready(worker, started);
    fn_loop_run(worker, started);
    fn_worker_exit(worker, 0, true); /* the loop runs until the channel closes */
}

_Noreturn void fn_worker_run(fn_worker *worker, const fn_grants *grants) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    int err = fn_lockdown_prepare(worker, grants);
    err = err != 0 ? err : fn_worker_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot create the engine", err);
    }
    fn_engine_seal(worker);
    worker->zygote_bytes = fn_limits_address_space();
    JS_UpdateStackTop(worker->rt);
    err = fn_loop_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot create the event loop of a worker", err);
    }
    worker->number = 1;
    fn_worker_live(worker);
}
