/* The standard streams of programs that functions start: pipes of the worker's loop, so that
 * nothing of /dev is needed. */
#include <stdlib.h>
#include <string.h>
#include "node/files.h"
#include "node/child_process.h"

#define CHUNK (64 * 1024)

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    (void)handle;
    (void)suggested;
    static char chunk[CHUNK]; /* read and copied before the next */
    *buffer = uv_buf_init(chunk, sizeof(chunk));
}

static void on_output(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    fn_program *program = stream->data;
    JSContext *ctx = program->worker->ctx;
    const char *what = stream == (uv_stream_t *)&program->pipes[1] ? "stdout" : "stderr";
    if (count > 0) {
        JSValue bytes = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)buffer->base, (size_t)count);
        fn_program_tell(program, what, bytes, JS_UNDEFINED);
    } else if (count < 0) {
        fn_program_close_handle((uv_handle_t *)stream);
        fn_program_tell(program, what, JS_NULL, JS_UNDEFINED);
    }
}

/* (program, 1 or 2) */
JSValue fn_program_read(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                        int how) {
    (void)this_value;
    (void)argc;
    int32_t which;
    fn_program *program = fn_program_of(ctx, argv[0]);
    if (program == NULL || JS_ToInt32(ctx, &which, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    if (which < 1 || which >= FN_STREAMS) {
        return JS_ThrowRangeError(ctx, "no such output");
    }
    uv_stream_t *stream = (uv_stream_t *)&program->pipes[which];
    if (stream->data != NULL && !uv_is_closing((uv_handle_t *)stream)) {
        if (how == FN_PROGRAM_READ) {
            uv_read_start(stream, allocate, on_output);
        } else {
            uv_read_stop(stream);
        }
    }
    return JS_UNDEFINED;
}

typedef struct {
    uv_write_t request;
    fn_program *program;
    char bytes[];
} fn_input;

static void on_written(uv_write_t *request, int status) {
    fn_input *input = (fn_input *)request;
    fn_program *program = input->program;
    free(input);
    fn_program_tell(program, "written", JS_NewInt32(program->worker->ctx, status), JS_UNDEFINED);
}

/* (program, bytes): `written` is told when they are out. */
JSValue fn_program_write(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    size_t len;
    fn_program *program = fn_program_of(ctx, argv[0]);
    uint8_t *bytes = program == NULL ? NULL : JS_GetUint8Array(ctx, &len, argv[1]);
    if (program == NULL || (bytes == NULL && len != 0)) {
        return JS_EXCEPTION;
    }
    uv_stream_t *stream = (uv_stream_t *)&program->pipes[0];
    if (stream->data == NULL || uv_is_closing((uv_handle_t *)stream)) {
        return fn_throw_errno(ctx, UV_EPIPE, "write", NULL);
    }
    fn_input *input = malloc(sizeof(*input) + len);
    if (input == NULL) {
        return JS_ThrowOutOfMemory(ctx);
    }
    input->program = program;
    memcpy(input->bytes, bytes, len);
    uv_buf_t buffer = uv_buf_init(input->bytes, (unsigned)len);
    int err = uv_write(&input->request, stream, &buffer, 1, on_written);
    if (err != 0) {
        free(input);
        return fn_throw_errno(ctx, err, "write", NULL);
    }
    return JS_UNDEFINED;
}

JSValue fn_program_end_input(JSContext *ctx, JSValueConst this_value, int argc,
                             JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_program *program = fn_program_of(ctx, argv[0]);
    if (program == NULL) {
        return JS_EXCEPTION;
    }
    fn_program_close_pipe(program, 0);
    return JS_UNDEFINED;
}
