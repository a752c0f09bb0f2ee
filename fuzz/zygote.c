/* The host's messages to the zygote. Their parser is static in zygote/zygote.c, so this file
 * includes it and compiles it again, with another channel, another kill and another exit. Split
 * input must have the same effect. */
#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef struct {
    const uint8_t *data;
    size_t len;
    size_t cut;
    uint64_t kills; /* a hash over the pids */
} fn_talk;

static fn_talk talk;

static ssize_t take(void *into, size_t room) {
    size_t count = talk.len < talk.cut ? talk.len : talk.cut;
    count = count < room ? count : room;
    memcpy(into, talk.data, count);
    talk.data += count;
    talk.len -= count;
    return (ssize_t)count;
}

static int note_kill(pid_t pid) {
    talk.kills = talk.kills * 31 + (uint64_t)pid;
    return 0;
}

#define fn_zygote_run run_zygote
#define recv(fd, into, room, flags) take(into, room)
#define kill(pid, signal) note_kill(pid)
#define _exit(status) fn_fuzz_exit(status)
#define fprintf(...) ((void)0) /* no text for the breach of each input */
#define yyjson_read(line, len, flags) fn_fuzz_read_json(line, len, flags)
#define yyjson_doc_free(doc) fn_fuzz_free_json(doc)
#include "zygote/zygote.c"
#undef recv
#undef kill
#undef _exit
#undef fprintf
#undef yyjson_read
#undef yyjson_doc_free

#define NO_SUCH_PID 0x7ffffff0 /* above any real pid, so nothing is ever signalled */

static fn_zygote zygote;

/* Ends with the channel, as the zygote does. */
static void read_all(void *opaque) {
    (void)opaque;
    for (;;) {
        read_channel(&zygote);
    }
}

static uint64_t listen_to(const uint8_t *data, size_t len, size_t cut) {
    talk = (fn_talk){.data = data, .len = len, .cut = cut};
    zygote = (fn_zygote){.taken = {-1, -1}, .signals = -1};
    if (fn_children_reserve(&zygote.children, 3) != 0) {
        abort();
    }
    for (int i = 1; i <= 3; i++) {
        fn_children_add(&zygote.children, (uint64_t)i, NO_SUCH_PID + i);
    }
    fn_fuzz_until_breach(read_all, NULL);
    uint64_t said = talk.kills;
    for (size_t i = 0; i < zygote.children.count; i++) {
        said = said * 31 + zygote.children.list[i].cpu_limit_ns;
    }
    free(zygote.children.list);
    return said;
}

void fn_fuzz_zygote(const uint8_t *data, size_t len) {
    (void)run_zygote;
    if (len == 0) {
        return;
    }
    if (listen_to(data + 1, len - 1, (size_t)data[0] + 1) !=
        listen_to(data + 1, len - 1, FN_MAX_ZYGOTE_LINE_BYTES)) {
        fputs("zygote: split input has another effect\n", stderr);
        abort();
    }
}
