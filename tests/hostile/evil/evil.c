/* Replaces the loading of a bundle: finds the attempt that the bundle names, runs it and reports
 * its result. A bundle that names none is loaded as in the product: a neighbour of the attackers.
 */
#include "evil.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "invocation/invocation.h"
#include "zygote/zygote.h"

void evil_write(const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t count = send(CHANNEL, bytes, len, MSG_NOSIGNAL);
        if (count > 0) {
            bytes += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = CHANNEL, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            _exit(0);
        }
    }
}

void evil_say(const char *format, ...) {
    char text[256];
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int len = snprintf(line, sizeof(line),
                       "{\"type\":\"log\",\"level\":\"info\",\"message\":\"%s\"}\n", text);
    evil_write(line, (size_t)len);
}

static void report(long result) {
    if (result < 0) {
        evil_say("refused %ld", -result);
    } else {
        evil_say("done %ld", result);
    }
}

static bool run_call(const char *name) {
    for (size_t i = 0; i < evil_call_count; i++) {
        const evil_call *call = &evil_calls[i];
        if (strcmp(call->name, name) == 0) {
            const uintptr_t *a = call->args;
            long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
            report(result < 0 ? -errno : result);
            return true;
        }
    }
    return false;
}

static bool run_named(const evil_named *list, size_t count, const char *name,
                      const char *argument) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            report(list[i].run(argument));
            return true;
        }
    }
    return false;
}

/* The product's function, by the name that the build gives it. */
void fn_bundle_load_original(fn_worker *worker, const char *handler, char *payload,
                             const char *source, size_t len);

/* The attempt that a bundle names: its whole text, or the text after the mark in a module. */
static bool read_name(char *name, size_t room, const char *source, size_t len) {
    static const char mark[] = "attempt: ";
    const char *at = memmem(source, len, mark, sizeof(mark) - 1);
    if (at != NULL) {
        at += sizeof(mark) - 1;
        snprintf(name, room, "%.*s", (int)strcspn(at, "'\"`;\n"), at);
    } else {
        snprintf(name, room, "%.*s", (int)len, source);
    }
    return at != NULL || memmem(source, len, "export", strlen("export")) == NULL;
}

void fn_bundle_load(fn_worker *worker, const char *handler, char *payload, const char *source,
                    size_t len) {
    static char name[4096];
    if (!read_name(name, sizeof(name), source, len)) {
        fn_bundle_load_original(worker, handler, payload, source, len);
        return;
    }
    free(payload);
    char *argument = strchr(name, ' ');
    if (argument != NULL) {
        *argument++ = '\0';
    }
    if (!run_call(name) && !run_named(evil_reaches, evil_reach_count, name, argument) &&
        !run_named(evil_protocols, evil_protocol_count, name, argument)) {
        evil_say("unknown attempt %s", name);
    }
}

int main(int argc, char **argv) {
    static fn_worker worker;
    static char *nothing[] = {NULL};
    fn_grants grants = {0};
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("quickjs-worker evil (quickjs-ng 0, protocol 1)");
        return 0;
    }
    bool zygote = argc > 1 && strcmp(argv[1], "--template") == 0;
    bool single = argc > 1 && strcmp(argv[1], "--worker") == 0;
    /* Any other command line is Bun's: there the launcher has applied all layers. */
    if (!fn_grants_read(&grants, zygote || single ? argv + 2 : nothing)) {
        return 2;
    }
    if (zygote) {
        fn_zygote_run(&worker, &grants);
    }
    fn_worker_run(&worker, &grants);
}
