/* Attacks on the other end of the channel: the control plane's parser and bookkeeping. */
#include "evil.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void say(const char *line) {
    evil_write(line, strlen(line));
}

static void ready(void) {
    say("{\"type\":\"ready\",\"protocol\":2,\"engine\":\"evil\",\"init_us\":1}\n");
}

/* Waits until the host has sent a message of this type; -1 if the channel closes first. A message
 * is one line, because an evil worker is never sent a body. */
static long await(const char *kind) {
    static char line[1 << 16];
    size_t len = 0;
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "\"type\":\"%s\"", kind);
    for (;;) {
        char byte;
        struct pollfd readable = {.fd = CHANNEL, .events = POLLIN};
        poll(&readable, 1, -1);
        ssize_t count = recv(CHANNEL, &byte, 1, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            return -1;
        }
        if (count < 0) {
            continue;
        }
        if (byte != '\n' && len < sizeof(line) - 1) {
            line[len++] = byte;
            continue;
        }
        line[len] = '\0';
        if (strstr(line, wanted) != NULL) {
            const char *id = strstr(line, "\"id\":");
            return id == NULL ? 0 : strtol(id + 5, NULL, 10);
        }
        len = 0;
    }
}

static void answer(long id) {
    char line[160];
    snprintf(line, sizeof(line),
             "{\"type\":\"response\",\"id\":%ld,\"status\":200,\"headers\":[],\"end\":true}\n", id);
    say(line);
}

static void done(long id) {
    char line[96];
    snprintf(line, sizeof(line), "{\"type\":\"done\",\"id\":%ld,\"cpu_us\":1,\"heap_bytes\":1}\n",
             id);
    say(line);
}

/* Waits until the host closes the channel. */
static long stay(void) {
    while (await("nothing") >= 0) {
    }
    _exit(0);
}

static long garbage(const char *argument) {
    (void)argument;
    static char bytes[1 << 16];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7919u >> 3);
    }
    ready();
    await("invoke");
    for (int i = 0; i < 1000; i++) {
        evil_write(bytes, sizeof(bytes));
    }
    return stay();
}

static long huge_line(const char *argument) {
    (void)argument;
    static char text[1 << 16];
    memset(text, 'x', sizeof(text));
    ready();
    await("invoke");
    for (int i = 0; i < 1000; i++) {
        evil_write(text, sizeof(text));
    }
    return stay();
}

static long nested(const char *argument) {
    (void)argument;
    static char text[200000];
    memset(text, '[', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    ready();
    await("invoke");
    evil_write(text, sizeof(text));
    return stay();
}

/* Reads nothing more, so that what it is sent stays in the kernel. */
static long hold(const char *argument) {
    (void)argument;
    ready();
    await("invoke");
    for (;;) {
        poll(NULL, 0, 1000);
    }
}

static long foreign_id(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    for (long other = id + 1; other < id + 10000; other++) {
        answer(other);
    }
    return stay();
}

static long million_logs(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    for (int i = 0; i < 1000000; i++) {
        say("{\"type\":\"log\",\"level\":\"error\",\"message\":\"the same again and again\"}\n");
    }
    answer(id);
    done(id);
    return stay();
}

static long many_fetches(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    for (int i = 0; i < 100000; i++) {
        char line[256];
        snprintf(line, sizeof(line),
                 "{\"type\":\"fetch\",\"id\":\"f%d\",\"invocation\":%ld,\"method\":\"GET\",\"url\":"
                 "\"http://127.0.0.1:1/\",\"headers\":[],\"redirect\":\"follow\",\"end\":true}\n",
                 i, id);
        say(line);
    }
    return stay();
}

static long ready_twice(const char *argument) {
    (void)argument;
    ready();
    await("invoke");
    ready();
    return stay();
}

static long answer_twice(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    answer(id);
    answer(id);
    return stay();
}

static long done_twice(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    answer(id);
    done(id);
    done(id);
    return stay();
}

static long answer_after_cancel(const char *argument) {
    (void)argument;
    ready();
    long id = await("invoke");
    await("cancel");
    answer(id);
    answer(id);
    done(id);
    answer(id);
    return stay();
}

static long accepted_again(const char *argument) {
    (void)argument;
    say("{\"type\":\"accepted\",\"worker\":1}\n");
    return stay();
}

static long endless_body(const char *argument) {
    (void)argument;
    static char chunk[1 << 16];
    char line[128];
    ready();
    long id = await("invoke");
    snprintf(line, sizeof(line),
             "{\"type\":\"response\",\"id\":%ld,\"status\":200,\"headers\":[],\"end\":false}\n",
             id);
    say(line);
    for (;;) {
        snprintf(line, sizeof(line), "{\"type\":\"chunk\",\"id\":%ld,\"bytes\":65536}\n", id);
        say(line);
        evil_write(chunk, sizeof(chunk));
    }
}

/* Sends as many messages as its credit allows. */
static long small_chunks(const char *argument) {
    (void)argument;
    ready();
    for (;;) {
        char line[128];
        long id = await("invoke");
        snprintf(line, sizeof(line),
                 "{\"type\":\"response\",\"id\":%ld,\"status\":200,\"headers\":[],\"end\":false}\n",
                 id);
        say(line);
        snprintf(line, sizeof(line), "{\"type\":\"chunk\",\"id\":%ld,\"bytes\":1}\nx", id);
        for (int i = 0; i < 262144; i++) {
            say(line);
        }
        snprintf(line, sizeof(line), "{\"type\":\"end\",\"id\":%ld}\n", id);
        say(line);
        done(id);
    }
}

/* Sends the lines after its name, and what follows them, once it has an invocation. */
static long say_given(const char *argument) {
    ready();
    if (argument != NULL && await("invoke") >= 0) {
        say(argument);
    }
    return stay();
}

/* Burns CPU time for each request, and reports that it used one microsecond. */
static long under_report(const char *argument) {
    (void)argument;
    ready();
    for (;;) {
        long id = await("invoke");
        if (id < 0) {
            _exit(0);
        }
        clock_t end = clock() + CLOCKS_PER_SEC * 3 / 10;
        while (clock() < end) {
        }
        answer(id);
        done(id);
    }
}

const evil_named evil_protocols[] = {
    {"garbage", garbage},
    {"huge-line", huge_line},
    {"nested", nested},
    {"hold", hold},
    {"foreign-id", foreign_id},
    {"million-logs", million_logs},
    {"many-fetches", many_fetches},
    {"ready-twice", ready_twice},
    {"answer-twice", answer_twice},
    {"done-twice", done_twice},
    {"answer-after-cancel", answer_after_cancel},
    {"accepted-again", accepted_again},
    {"endless-body", endless_body},
    {"small-chunks", small_chunks},
    {"under-report", under_report},
    {"say", say_given},
};

const size_t evil_protocol_count = sizeof(evil_protocols) / sizeof(evil_protocols[0]);
