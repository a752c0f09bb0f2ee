/* The worker's channel: frames in, frames out. A frame is a line of JSON, then the bytes that it
 * announces. Nothing here blocks. */
#ifndef FN_IPC_H
#define FN_IPC_H

#include "core/buffer.h"
#include "core/protocol_limits.h"
#include "yyjson.h"

#define FN_IPC_READ_SIZE (16 * 1024)
/* More than this unread by the host is no backlog but a bug: bodies have credit, logs are dropped.
 */
#define FN_IPC_MAX_QUEUE (64 * 1024 * 1024)

typedef struct {
    int fd;
    fn_buffer in;
    size_t in_start;   /* what was taken by frames already */
    size_t in_scanned; /* no newline before this */
    fn_buffer line;    /* the line that `doc` points into */
    yyjson_doc *doc;   /* a line whose bytes are not all there, or that is being handled */
    size_t bytes;      /* announced by it */
    uint8_t *pool;     /* memory for the doc of an ordinary line */
    fn_buffer out;
    size_t out_start; /* what was written already */
    size_t out_mark;  /* where the frame being written begins */
} fn_ipc;

typedef struct {
    yyjson_val *root; /* an object */
    const uint8_t *bytes;
    size_t len;
    bool has_bytes; /* the key was there */
} fn_frame;

/* Reads once. How many bytes came; 0 when there are none now; UV_EOF; or a negative errno. */
int fn_ipc_read(fn_ipc *ipc);
/* 1 and the next whole frame, valid until fn_ipc_frame_free; 0 when more has to be read; UV_EPROTO
 * for what is no frame, UV_EMSGSIZE for one beyond the bounds, UV_ENOMEM. */
int fn_ipc_next(fn_ipc *ipc, fn_frame *frame);
void fn_ipc_frame_free(fn_ipc *ipc);
/* Takes over what was read before the loop ran. 0 or UV_ENOMEM. */
int fn_ipc_unread(fn_ipc *ipc, const uint8_t *data, size_t len);

/* Starts a frame; it is written with fn_buffer_* and fn_json_* on what this returns. */
fn_buffer *fn_ipc_begin(fn_ipc *ipc, const char *type);
/* Ends it: adds `bytes` and the closing brace. On UV_ENOMEM or UV_ENOBUFS nothing of it is left. */
int fn_ipc_end(fn_ipc *ipc, const uint8_t *bytes, size_t len);
void fn_ipc_abandon(fn_ipc *ipc);
/* Bytes of the line being written. */
size_t fn_ipc_line_len(const fn_ipc *ipc);
size_t fn_ipc_queued(const fn_ipc *ipc);
/* Writes what the socket takes: 0 when all is out, 1 when not, or a negative errno. */
int fn_ipc_flush(fn_ipc *ipc);
void fn_ipc_free(fn_ipc *ipc);

#endif
