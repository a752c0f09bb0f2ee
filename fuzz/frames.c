/* The frame decoder: any input, split anywhere, gives the same frames and the same end. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/ipc.h"
#include "uv.h"

#define MOST_BYTES (1024 * 1024)
#define MOST_AT_ONCE (64 * 1024) /* bytes; less than a socket buffers */
#define REPEAT 0xff      /* not a valid byte of a line; a length and the bytes to repeat follow */
#define REPEAT_UNIT 1040 /* bytes: 255 of them are longer than a line may be */

/* The result of an input: a hash over all frames, their number, and the end. */
typedef struct {
    uint64_t hash;
    size_t frames;
    int end;
} fn_outcome;

static uint64_t mix(uint64_t hash, const void *data, size_t len) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u; /* FNV-1a */
    }
    return hash;
}

static void take_frames(fn_ipc *ipc, fn_outcome *outcome) {
    fn_frame frame;
    while ((outcome->end = fn_ipc_next(ipc, &frame)) == 1) {
        size_t len;
        char *line = yyjson_val_write(frame.root, 0, &len);
        if (line != NULL) {
            outcome->hash = mix(outcome->hash, line, len);
            free(line);
        }
        outcome->hash = mix(outcome->hash, frame.bytes, frame.len);
        outcome->frames++;
        fn_ipc_frame_free(ipc);
    }
}

/* Expands an input, because libFuzzer's inputs are too short to reach the limits. NULL if the
 * result would be too long. */
static uint8_t *expand(const uint8_t *data, size_t len, size_t *size) {
    uint8_t *bytes = malloc(MOST_BYTES);
    *size = 0;
    if (bytes == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        bool repeats = data[i] == REPEAT && i + 2 < len;
        size_t more = repeats ? (size_t)data[i + 1] * REPEAT_UNIT : 1;
        if (more > MOST_BYTES - *size) {
            free(bytes);
            return NULL;
        }
        memset(bytes + *size, repeats ? data[i + 2] : data[i], more);
        *size += more;
        i += repeats ? 2 : 0;
    }
    return bytes;
}

/* `cut` bytes at a time. */
static fn_outcome decode(const uint8_t *data, size_t len, size_t cut) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        abort();
    }
    fn_ipc ipc = {.fd = fds[0]};
    fn_outcome outcome = {.hash = 0xcbf29ce484222325u};
    for (size_t at = 0; at < len && outcome.end == 0;) {
        size_t piece = cut > len - at ? len - at : cut;
        if (send(fds[1], data + at, piece, MSG_DONTWAIT) != (ssize_t)piece) {
            abort();
        }
        at += piece;
        while (outcome.end == 0 && fn_ipc_read(&ipc) > 0) {
            take_frames(&ipc, &outcome);
        }
    }
    fn_ipc_free(&ipc);
    close(fds[0]);
    close(fds[1]);
    return outcome;
}

void fn_fuzz_frames(const uint8_t *data, size_t len) {
    size_t size;
    uint8_t *bytes = len < 1 ? NULL : expand(data + 1, len - 1, &size);
    if (bytes == NULL) {
        return;
    }
    size_t cut = ((size_t)data[0] + 1) * (size > 4096 ? 64 : 1);
    fn_outcome whole = decode(bytes, size, MOST_AT_ONCE);
    fn_outcome pieces = decode(bytes, size, cut);
    free(bytes);
    if (whole.hash != pieces.hash || whole.frames != pieces.frames || whole.end != pieces.end) {
        fprintf(stderr, "frames: %zu and %d at once, %zu and %d in pieces of %zu\n", whole.frames,
                whole.end, pieces.frames, pieces.end, cut);
        abort();
    }
}
