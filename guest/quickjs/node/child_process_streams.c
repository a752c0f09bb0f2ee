/* The standard streams of child processes: pipes in the worker's loop, so that nothing in /dev is
 * needed. */
#include <stdlib.h>
#include <string.h>
#include "node/files.h"
#include "node/child_process.h"

#define CHUNK (64 * 1024)

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    static char chunk[CHUNK]; /* copied before the next read */
    *buffer = uv_buf_init(chunk, sizeof(chunk));
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    fn_child_process *child = stream->data;
    JSContext *ctx = child->worker->ctx;
    const char *what = stream == (uv_stream_t *)&child->pipes[1] ? "stdout" : "stderr";
    if (count > 0) {
        JSValue bytes = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)buffer->base, (size_t)count);
        fn_child_process_emit(child, what, bytes, JS_UNDEFINED);
    } else if (count < 0) {
        fn_child_process_close_handle((uv_handle_t *)stream);
        fn_child_process_emit(child, what, JS_NULL, JS_UNDEFINED);
    }
}

/* (child, 1 or 2): starts or pauses reading */
JSValue fn_child_process_read(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                              int how) {
    (void)this_value;
    (void)argc;
    int32_t which;
    fn_child_process *child = fn_child_process_of(ctx, argv[0]);
    if (child == NULL || JS_ToInt32(ctx, &which, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    if (which < 1 || which >= FN_STREAMS) {
        return JS_ThrowRangeError(ctx, "the output must be 1 or 2");
    }
    uv_stream_t *stream = (uv_stream_t *)&child->pipes[which];
    if (stream->data != NULL && !uv_is_closing((uv_handle_t *)stream)) {
        if (how == FN_CHILD_PROCESS_READ) {
            uv_read_start(stream, allocate, on_output);
        } else {
            uv_read_stop(stream);
        }
    }
    return JS_UNDEFINED;
}

typedef struct {
    uv_write_t request;
    fn_child_process *child;
    char bytes[];
} fn_input;

static void on_written(uv_write_t *request, int status) {
    fn_input *input = (fn_input *)request;
    fn_child_process *child = input->child;
    free(input);
    fn_child_process_emit(child, "written", JS_NewInt32(child->worker->ctx, status), JS_UNDEFINED);
}

/* (child, bytes): emits `written` when they are written. */
JSValue fn_child_process_write(JSContext *ctx, JSValueConst this_value, int argc,
                               JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    size_t len;
    fn_child_process *child = fn_child_process_of(ctx, argv[0]);
    uint8_t *bytes = child == NULL ? NULL : JS_GetUint8Array(ctx, &len, argv[1]);
    if (child == NULL || (bytes == NULL && len != 0)) {
        return JS_EXCEPTION;
    }
    uv_stream_t *stream = (uv_stream_t *)&child->pipes[0];
    if (stream->data == NULL || uv_is_closing((uv_handle_t *)stream)) {
        return fn_throw_errno(ctx, UV_EPIPE, "write", NULL);
    }
    fn_input *input = malloc(sizeof(*input) + len);
    if (input == NULL) {
        return JS_ThrowOutOfMemory(ctx);
    }
    input->child = child;
    memcpy(input->bytes, bytes, len);
    uv_buf_t buffer = uv_buf_init(input->bytes, (unsigned)len);
    int err = uv_write(&input->request, stream, &buffer, 1, on_written);
    if (err != 0) {
        free(input);
        return fn_throw_errno(ctx, err, "write", NULL);
    }
    return JS_UNDEFINED;
}

JSValue fn_child_process_end_input(JSContext *ctx, JSValueConst this_value, int argc,
                                   JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_child_process *child = fn_child_process_of(ctx, argv[0]);
    if (child == NULL) {
        return JS_EXCEPTION;
    }
    fn_child_process_close_pipe(child, 0);
    return JS_UNDEFINED;
}
