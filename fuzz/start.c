/* A worker's first message. The parsers are static in worker_main.c, so this file includes it and
 * compiles it again, with another exit, another channel, and memory that is freed when it ends
 * early. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int channel = -1;
static void *payload_memory;

static void *keep_memory(size_t size) {
    return payload_memory = malloc(size);
}

#undef FN_CHANNEL_FD
#define FN_CHANNEL_FD channel
#define fn_worker_live live
#define fn_worker_run run
#define fn_worker_refused refused
#define malloc(size) keep_memory(size)
#define yyjson_read(line, len, flags) fn_fuzz_read_json(line, len, flags)
#define yyjson_doc_free(doc) fn_fuzz_free_json(doc)
#define _exit(status) fn_fuzz_exit(status)
#include "zygote/worker_main.c"
#undef malloc
#undef yyjson_read
#undef yyjson_doc_free
#undef _exit

/* A larger payload is refused before it is read, or behaves like one of this size. */
#define MEMORY_LIMIT (1024 * 1024)

static fn_worker started;
static fn_buffer in;

/* Does what fn_worker_live does with the host's data, up to the bundle itself. */
static void read_start(void *opaque) {
    fn_worker *worker = opaque;
    size_t line_len = read_start_line(&in);
    size_t bytes = parse_start(worker, in.data, line_len);
    fn_buffer_drop(&in, line_len + 1);
    worker->limits.memory_bytes = MEMORY_LIMIT;
    if (bytes >= MEMORY_LIMIT) {
        return;
    }
    char *payload = read_payload(worker, &in, bytes);
    char *newline = memchr(payload, '\n', bytes);
    if (newline != NULL) {
        *newline = '\0';
        JS_FreeCString(worker->ctx, take_details(worker, payload, (size_t)(newline - payload)));
    }
}

static void forget(void) {
    JSValue *values[] = {&started.env, &started.function_name, &started.version, &started.project};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        JS_FreeValue(started.ctx, *values[i]);
        *values[i] = JS_UNDEFINED;
    }
    JS_FreeValue(started.ctx, JS_GetException(started.ctx));
    fn_paths_free(&started.paths);
    fn_ipc_free(&started.ipc);
    fn_buffer_free(&in);
    free(payload_memory);
    payload_memory = NULL;
}

void fn_fuzz_start(const uint8_t *data, size_t len) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        abort();
    }
    /* A socket does not buffer more at once, and the start line is not longer. */
    len = len < 64 * 1024 ? len : 64 * 1024;
    if (send(fds[1], data, len, MSG_DONTWAIT) != (ssize_t)len) {
        abort();
    }
    shutdown(fds[1], SHUT_WR);
    channel = fds[0];
    started.ctx = fn_fuzz_worker()->ctx;
    started.env = started.function_name = started.version = started.project = JS_UNDEFINED;
    fn_fuzz_until_breach(read_start, &started);
    forget();
    close(fds[0]);
    close(fds[1]);
}
