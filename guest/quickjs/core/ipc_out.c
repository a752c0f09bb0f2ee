/* Writes frames: queued, and written at once at the end of a turn. */
#include "core/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "core/json_out.h"
#include "uv.h"

#define KEEP_CAPACITY (64 * 1024) /* a larger queue is freed when it is empty */

fn_buffer *fn_ipc_begin(fn_ipc *ipc, const char *type) {
    ipc->out_mark = ipc->out.len;
    fn_buffer_text(&ipc->out, "{\"type\":\"");
    fn_buffer_text(&ipc->out, type);
    fn_buffer_text(&ipc->out, "\"");
    return &ipc->out;
}

void fn_ipc_abandon(fn_ipc *ipc) {
    ipc->out.len = ipc->out_mark;
    ipc->out.failed = false;
}

int fn_ipc_end(fn_ipc *ipc, const uint8_t *bytes, size_t len) {
    if (len > 0) {
        fn_buffer_text(&ipc->out, ",\"bytes\":");
        fn_json_uint(&ipc->out, len);
    }
    fn_buffer_text(&ipc->out, "}\n");
    fn_buffer_put(&ipc->out, bytes, len);
    int err = ipc->out.failed ? UV_ENOMEM : fn_ipc_queued(ipc) > FN_IPC_MAX_QUEUE ? UV_ENOBUFS : 0;
    if (err != 0) {
        fn_ipc_abandon(ipc);
    }
    return err;
}

size_t fn_ipc_line_len(const fn_ipc *ipc) {
    return ipc->out.len - ipc->out_mark;
}

size_t fn_ipc_queued(const fn_ipc *ipc) {
    return ipc->out.len - ipc->out_start;
}

static void give_back_room(fn_ipc *ipc) {
    if (ipc->out_start == ipc->out.len) {
        ipc->out.len = 0;
        ipc->out_start = 0;
        if (ipc->out.capacity > KEEP_CAPACITY) {
            fn_buffer_free(&ipc->out);
        }
    } else if (ipc->out_start > ipc->out.len / 2) {
        /* At least half of the buffer is removed, so that each byte is moved at most about once: no
         * quadratic copying. */
        fn_buffer_drop(&ipc->out, ipc->out_start);
        ipc->out_start = 0;
    }
}

int fn_ipc_flush(fn_ipc *ipc) {
    int result = 0;
    while (fn_ipc_queued(ipc) > 0) {
        ssize_t count = send(ipc->fd, ipc->out.data + ipc->out_start, fn_ipc_queued(ipc),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            ipc->out_start += (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            result = 1;
            break;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    give_back_room(ipc);
    return result;
}

void fn_ipc_free(fn_ipc *ipc) {
    fn_ipc_frame_free(ipc);
    fn_buffer_free(&ipc->in);
    fn_buffer_free(&ipc->line);
    fn_buffer_free(&ipc->out);
    free(ipc->pool);
    ipc->pool = NULL;
}
