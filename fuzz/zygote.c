/* What the host says to a template. Its parser is static in template.c of the worker, so that is
 * compiled into this target a second time, with another channel, another kill and another end. In
 * pieces it means the same. */
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
    uint64_t kills; /* a hash over them */
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

#define fn_template_run run_template
#define recv(fd, into, room, flags) take(into, room)
#define kill(pid, signal) note_kill(pid)
#define _exit(status) fn_fuzz_exit(status)
#define fprintf(...) ((void)0) /* a breach, in words, at each input */
#define yyjson_read(line, len, flags) fn_fuzz_read_json(line, len, flags)
#define yyjson_doc_free(doc) fn_fuzz_free_json(doc)
#include "zygote/zygote.c"
#undef recv
#undef kill
#undef _exit
#undef fprintf
#undef yyjson_read
#undef yyjson_doc_free

#define NO_SUCH_PID 0x7ffffff0 /* more than any there is: nobody is ever signalled */

static fn_template template;

/* Ends with the channel, as the template does. */
static void read_all(void *opaque) {
    (void)opaque;
    for (;;) {
        read_channel(&template);
    }
}

static uint64_t listen_to(const uint8_t *data, size_t len, size_t cut) {
    talk = (fn_talk){.data = data, .len = len, .cut = cut};
    template = (fn_template){.taken = {-1, -1}, .signals = -1};
    if (fn_children_reserve(&template.children, 3) != 0) {
        abort();
    }
    for (int i = 1; i <= 3; i++) {
        fn_children_add(&template.children, (uint64_t)i, NO_SUCH_PID + i);
    }
    fn_fuzz_until_breach(read_all, NULL);
    uint64_t said = talk.kills;
    for (size_t i = 0; i < template.children.count; i++) {
        said = said * 31 + template.children.list[i].cpu_limit_ns;
    }
    free(template.children.list);
    return said;
}

void fn_fuzz_template(const uint8_t *data, size_t len) {
    (void)run_template;
    if (len == 0) {
        return;
    }
    if (listen_to(data + 1, len - 1, (size_t)data[0] + 1) !=
        listen_to(data + 1, len - 1, FN_MAX_ZYGOTE_LINE_BYTES)) {
        fputs("template: it does something else in pieces\n", stderr);
        abort();
    }
}
