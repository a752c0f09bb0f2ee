/* The worker's channel. A frame is a line of JSON, followed by the bytes that it announces. Nothing
 * here blocks. */
#ifndef FN_IPC_H
#define FN_IPC_H

#include "core/buffer.h"
#include "core/protocol_limits.h"
#include "yyjson.h"

#define FN_IPC_READ_SIZE (16 * 1024)
/* Bytes that the host has not read. Bodies are limited by credit and logs are dropped, so more than
 * this is a bug and the frame is refused. */
#define FN_IPC_MAX_QUEUE (64 * 1024 * 1024)

typedef struct {
    int fd;
    fn_buffer in;
    size_t in_start;   /* consumed by frames */
    size_t in_scanned; /* there is no newline before this */
    fn_buffer line;    /* the line that `doc` points into */
    yyjson_doc *doc;   /* a line whose bytes are incomplete, or that is being handled */
    size_t bytes;      /* that `doc` announces */
    uint8_t *pool;     /* memory to parse an ordinary line */
    fn_buffer out;
    size_t out_start; /* already written */
    size_t out_mark;  /* start of the frame being written */
} fn_ipc;

typedef struct {
    yyjson_val *root; /* an object */
    const uint8_t *bytes;
    size_t len;
    bool has_bytes; /* the key was present */
} fn_frame;

/* Reads once. Returns the number of bytes; 0 if there are none now; UV_EOF; or a negative errno. */
int fn_ipc_read(fn_ipc *ipc);
/* Returns 1 and the next complete frame, valid until fn_ipc_frame_free; 0 if more has to be read;
 * UV_EPROTO for an invalid frame, UV_EMSGSIZE for one beyond the limits, UV_ENOMEM. */
int fn_ipc_next(fn_ipc *ipc, fn_frame *frame);
void fn_ipc_frame_free(fn_ipc *ipc);
/* Adds bytes that were read before the loop ran. 0 or UV_ENOMEM. */
int fn_ipc_unread(fn_ipc *ipc, const uint8_t *data, size_t len);

/* Starts a frame. The caller writes its fields to the returned buffer with fn_buffer_* and
 * fn_json_*. */
fn_buffer *fn_ipc_begin(fn_ipc *ipc, const char *type);
/* Ends the frame: adds `bytes` and the closing brace. On UV_ENOMEM or UV_ENOBUFS nothing of the
 * frame is left. */
int fn_ipc_end(fn_ipc *ipc, const uint8_t *bytes, size_t len);
void fn_ipc_abandon(fn_ipc *ipc);
/* Length of the line being written. */
size_t fn_ipc_line_len(const fn_ipc *ipc);
size_t fn_ipc_queued(const fn_ipc *ipc);
/* Writes as much as the socket accepts: 0 if everything is written, 1 if not, or a negative errno.
 */
int fn_ipc_flush(fn_ipc *ipc);
void fn_ipc_free(fn_ipc *ipc);

#endif
