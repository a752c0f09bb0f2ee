/* The template: keeps spare children, each of which takes one connection, reaps, and keeps the CPU
 * watch. No libuv here (a loop would be shared with every worker), and not one byte of a tenant's:
 * what a connection says, the child that took it reads. */
#include "zygote/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "zygote/child_table.h"

#define LISTENER_FD 4
#define TELL_MS 3   /* after the last start */
#define RETRY_MS 10 /* after a fork that the system refused, or a spare that ended untaken */

typedef struct {
    uint64_t number;
    pid_t pid;
} fn_spare;

typedef struct {
    fn_worker *worker;
    fn_children children;
    fn_spare spares[FN_ZYGOTE_SPARES];
    size_t spare_count;
    int taken[2]; /* pipe: a spare that took a connection writes its number */
    int signals;
    uint64_t last_number;
    uint64_t next_watch_ns;
    uint64_t tell_ns; /* 0: the host knows all pids */
    bool exhausted;   /* no memory or process was to be had: wait before the next try */
    char line[FN_MAX_ZYGOTE_LINE_BYTES];
    size_t line_len;
} fn_template;

static _Noreturn void end_all(const fn_template *template, int status) {
    fn_children_kill_all(&template->children);
    for (size_t i = 0; i < template->spare_count; i++) {
        kill(template->spares[i].pid, SIGKILL);
    }
    _exit(status);
}

/* The host reads this channel all the time, so waiting for room in it is no risk. */
static void say(const fn_template *template, const char *line, size_t len) {
    while (len > 0) {
        ssize_t count = send(FN_CHANNEL_FD, line, len, MSG_NOSIGNAL);
        if (count > 0) {
            line += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = FN_CHANNEL_FD, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            end_all(template, 0);
        }
    }
}

static void fork_spares(fn_template *template) {
    int parent = getpid();
    while (template->spare_count < FN_ZYGOTE_SPARES && !template->exhausted) {
        uint64_t number = template->last_number + 1;
        pid_t pid = fn_children_reserve(&template->children, FN_ZYGOTE_SPARES) == 0 ? fork() : -1;
        if (pid == 0) {
            fn_child_run(template->worker, LISTENER_FD, template->taken[1], number, parent);
        }
        if (pid < 0) {
            template->exhausted = true; /* connections wait in the backlog */
            return;
        }
        template->last_number = number;
        template->spares[template->spare_count++] = (fn_spare){number, pid};
    }
}

/* The spare with that number, or that pid, is none any more; its pid, or 0 where there is none. */
static pid_t remove_spare(fn_template *template, uint64_t number, pid_t pid) {
    for (size_t i = 0; i < template->spare_count; i++) {
        fn_spare spare = template->spares[i];
        if (spare.number == number || spare.pid == pid) {
            template->spares[i] = template->spares[--template->spare_count];
            return spare.pid;
        }
    }
    return 0;
}

/* Spares that took a connection are workers from now on. */
static void read_taken(fn_template *template) {
    uint64_t number;
    while (read(template->taken[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        pid_t pid = remove_spare(template, number, -1);
        if (pid == 0) {
            continue;
        }
        fn_children_add(&template->children, number, pid);
        template->tell_ns = fn_wall_ns() + TELL_MS * 1000000u;
    }
}

/* The host names a worker by its number and wants the pid for people only: the news waits until the
 * worker has started, as it would keep the host from what it does for it. */
static void tell_forked(fn_template *template) {
    char line[96];
    for (size_t i = 0; i < template->children.count; i++) {
        fn_child *child = &template->children.list[i];
        if (!child->told) {
            child->told = true;
            int len = snprintf(line, sizeof(line),
                               "{\"type\":\"forked\",\"worker\":%" PRIu64 ",\"pid\":%d}\n",
                               child->worker, (int)child->pid);
            say(template, line, (size_t)len);
        }
    }
    template->tell_ns = 0;
}

/* A child that has ended and was not collected yet; 0 when there is none. */
static pid_t next_ended(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

static void reap(fn_template *template) {
    struct signalfd_siginfo info[8];
    while (read(template->signals, info, sizeof(info)) > 0) {
        /* One of them may stand for many children. */
    }
    tell_forked(template); /* what ended was forked first */
    char line[192];
    for (pid_t pid; (pid = next_ended()) > 0;) {
        read_taken(template); /* it may have taken a connection since, and have ended of it */
        int len = fn_children_reap(&template->children, pid, line, sizeof(line));
        if (len > 0) {
            say(template, line, (size_t)len);
        } else if (remove_spare(template, 0, pid) != 0) {
            template->exhausted = true;
        }
    }
}

static void on_line(fn_template *template, const char *line, size_t len) {
    yyjson_doc *doc = yyjson_read(line, len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *type = yyjson_obj_get(root, "type");
    yyjson_val *worker = yyjson_obj_get(root, "worker");
    yyjson_val *cpu_ms = yyjson_obj_get(root, "cpu_ms");
    bool is_kill = yyjson_equals_str(type, "kill");
    bool is_limit = yyjson_equals_str(type, "limit") && yyjson_is_uint(cpu_ms);
    if (!yyjson_is_uint(worker) || (!is_kill && !is_limit)) {
        fprintf(stderr, "quickjs-worker: the template got a message that it does not know\n");
        end_all(template, FN_EXIT_BREACH);
    }
    fn_child *child = fn_children_find(&template->children, yyjson_get_uint(worker));
    if (child != NULL && is_kill) {
        kill(child->pid, SIGKILL);
    } else if (child != NULL) {
        fn_children_limit(child, yyjson_get_uint(cpu_ms));
    }
    yyjson_doc_free(doc);
}

static void read_channel(fn_template *template) {
    ssize_t count = recv(FN_CHANNEL_FD, template->line + template->line_len,
                         FN_MAX_ZYGOTE_LINE_BYTES - template->line_len, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        end_all(template, 0);
    }
    template->line_len += (size_t)count;
    char *start = template->line;
    char *end = template->line + template->line_len;
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start))) != NULL) {
        on_line(template, start, (size_t)(newline - start));
        start = newline + 1;
    }
    template->line_len = (size_t)(end - start);
    if (template->line_len == FN_MAX_ZYGOTE_LINE_BYTES) {
        end_all(template, FN_EXIT_BREACH);
    }
    memmove(template->line, start, template->line_len);
}

/* Returns how long to wait at most. */
static int watch(fn_template *template) {
    if (template->children.count == 0) {
        template->next_watch_ns = 0;
        return template->exhausted ? RETRY_MS : -1;
    }
    uint64_t now = fn_wall_ns();
    if (now >= template->next_watch_ns) {
        if (template->next_watch_ns != 0) {
            fn_children_watch(&template->children);
        }
        template->next_watch_ns = now + FN_WATCH_MS * 1000000u;
    }
    int wait = (int)((template->next_watch_ns - now) / 1000000u) + 1;
    return template->exhausted && wait > RETRY_MS ? RETRY_MS : wait;
}

static void run(fn_template *template) {
    enum { CHANNEL, TAKEN, SIGNALS };
    struct pollfd fds[] = {
        [CHANNEL] = {.fd = FN_CHANNEL_FD, .events = POLLIN},
        [TAKEN] = {.fd = template->taken[0], .events = POLLIN},
        [SIGNALS] = {.fd = template->signals, .events = POLLIN},
    };
    for (;;) {
        fork_spares(template);
        int wait = watch(template);
        if (template->tell_ns != 0) {
            wait = wait < 0 || wait > TELL_MS ? TELL_MS : wait;
        }
        template->exhausted = false;
        if (poll(fds, 3, wait) < 0) {
            continue;
        }
        /* First who is a worker: what the host says of one, and its end, may be there too. */
        read_taken(template);
        if (template->tell_ns != 0 && fn_wall_ns() >= template->tell_ns) {
            tell_forked(template);
        }
        if (fds[SIGNALS].revents != 0) {
            reap(template);
        }
        if (fds[CHANNEL].revents != 0) {
            read_channel(template);
        }
    }
}

static int prepare(fn_template *template) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    template->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    /* Spares wait in accept: one connection wakes one of them. */
    int flags = fcntl(LISTENER_FD, F_GETFL);
    if (template->signals < 0 || pipe2(template->taken, O_CLOEXEC | O_NONBLOCK) < 0 || flags < 0 ||
        fcntl(LISTENER_FD, F_SETFL, flags & ~O_NONBLOCK) < 0) {
        return -errno;
    }
    return 0;
}

static void say_listening(const fn_template *template) {
    char layers[64];
    char line[128];
    fn_closing_list(template->worker, layers, sizeof(layers));
    int len = snprintf(line, sizeof(line), "{\"type\":\"listening\",\"layers\":[%s]}\n", layers);
    say(template, line, (size_t)len);
}

_Noreturn void fn_template_run(fn_worker *worker, const fn_grants *grants) {
    static fn_template template;
    template.worker = worker;
    int err = prepare(&template);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: descriptors 3 and 4 are not as expected: %s\n",
                uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    err = fn_closing_prepare(worker, grants);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: cannot prepare its sandbox: %s\n", uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    err = fn_worker_init(worker);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: cannot make the engine: %s\n", uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    fn_engine_seal(worker);
    worker->template_bytes = fn_limits_address_space();
    say_listening(&template);
    run(&template);
    end_all(&template, 0);
}
