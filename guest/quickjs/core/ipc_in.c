/* Reads frames: bounded and incremental; a line may arrive byte by byte. */
#include "core/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "uv.h"

#define KEEP_CAPACITY (64 * 1024) /* a larger buffer is freed when it is empty */
#define POOL_SIZE (64 * 1024)     /* enough for a line of about 5 KB */

static void give_back_room(fn_ipc *ipc) {
    if (ipc->in_start < ipc->in.len) {
        fn_buffer_drop(&ipc->in, ipc->in_start);
    } else {
        ipc->in.len = 0;
        if (ipc->in.capacity > KEEP_CAPACITY) {
            fn_buffer_free(&ipc->in);
        }
    }
    ipc->in_scanned -= ipc->in_start;
    ipc->in_start = 0;
}

int fn_ipc_read(fn_ipc *ipc) {
    give_back_room(ipc);
    uint8_t *end = fn_buffer_reserve(&ipc->in, FN_IPC_READ_SIZE);
    if (end == NULL) {
        return UV_ENOMEM;
    }
    ssize_t count;
    do {
        count = recv(ipc->fd, end, ipc->in.capacity - ipc->in.len, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    }
    if (count == 0) {
        return UV_EOF;
    }
    ipc->in.len += (size_t)count;
    return (int)count;
}

int fn_ipc_unread(fn_ipc *ipc, const uint8_t *data, size_t len) {
    fn_buffer_put(&ipc->in, data, len);
    return ipc->in.failed ? UV_ENOMEM : 0;
}

/* Parses a copy: the parser writes into its input, and the frame's bytes may still move. */
static int parse_line(fn_ipc *ipc, const uint8_t *line, size_t len) {
    ipc->line.len = 0;
    uint8_t *copy = fn_buffer_reserve(&ipc->line, len + YYJSON_PADDING_SIZE);
    if (copy == NULL) {
        return UV_ENOMEM;
    }
    memcpy(copy, line, len);
    memset(copy + len, 0, YYJSON_PADDING_SIZE);
    yyjson_alc pool;
    const yyjson_alc *alc = NULL;
    if (yyjson_read_max_memory_usage(len, YYJSON_READ_INSITU) <= POOL_SIZE) {
        if (ipc->pool == NULL) {
            ipc->pool = malloc(POOL_SIZE);
        }
        if (ipc->pool != NULL && yyjson_alc_pool_init(&pool, ipc->pool, POOL_SIZE)) {
            alc = &pool;
        }
    }
    yyjson_read_err error;
    ipc->doc = yyjson_read_opts((char *)copy, len, YYJSON_READ_INSITU, alc, &error);
    if (ipc->doc == NULL) {
        return error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? UV_ENOMEM : UV_EPROTO;
    }
    return 0;
}

static int start_frame(fn_ipc *ipc, const uint8_t *line, size_t len) {
    if (len > FN_MAX_LINE_BYTES) {
        return UV_EMSGSIZE;
    }
    int err = parse_line(ipc, line, len);
    if (err != 0) {
        return err;
    }
    yyjson_val *root = yyjson_doc_get_root(ipc->doc);
    yyjson_val *bytes = yyjson_obj_get(root, "bytes");
    ipc->bytes = 0;
    if (!yyjson_is_obj(root) || (bytes != NULL && !yyjson_is_uint(bytes))) {
        return UV_EPROTO;
    }
    /* In `credit`, `bytes` counts bytes that were received; in all other messages they follow the
     * line. */
    if (bytes != NULL && !yyjson_equals_str(yyjson_obj_get(root, "type"), "credit")) {
        if (yyjson_get_uint(bytes) > FN_MAX_PAYLOAD_BYTES) {
            return UV_EMSGSIZE;
        }
        ipc->bytes = (size_t)yyjson_get_uint(bytes);
    }
    return 0;
}

int fn_ipc_next(fn_ipc *ipc, fn_frame *frame) {
    if (ipc->doc == NULL) {
        const uint8_t *newline = NULL;
        if (ipc->in.len > ipc->in_scanned) {
            newline = memchr(ipc->in.data + ipc->in_scanned, '\n', ipc->in.len - ipc->in_scanned);
        }
        if (newline == NULL) {
            ipc->in_scanned = ipc->in.len;
            return ipc->in.len - ipc->in_start > FN_MAX_LINE_BYTES ? UV_EMSGSIZE : 0;
        }
        const uint8_t *line = ipc->in.data + ipc->in_start;
        int err = start_frame(ipc, line, (size_t)(newline - line));
        if (err != 0) {
            return err;
        }
        ipc->in_start = ipc->in_scanned = (size_t)(newline + 1 - ipc->in.data);
    }
    if (ipc->in.len - ipc->in_start < ipc->bytes) {
        return 0;
    }
    frame->root = yyjson_doc_get_root(ipc->doc);
    frame->has_bytes = yyjson_obj_get(frame->root, "bytes") != NULL;
    frame->bytes = ipc->in.data + ipc->in_start;
    frame->len = ipc->bytes;
    ipc->in_start = ipc->in_scanned = ipc->in_start + ipc->bytes;
    return 1;
}

void fn_ipc_frame_free(fn_ipc *ipc) {
    yyjson_doc_free(ipc->doc);
    ipc->doc = NULL;
    if (ipc->line.capacity > KEEP_CAPACITY) {
        fn_buffer_free(&ipc->line);
    }
}
