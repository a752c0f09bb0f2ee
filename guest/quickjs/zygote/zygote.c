/* The zygote: keeps prefork spares, each of which accepts one connection, reaps children, and
 * enforces their CPU limits. It has no libuv loop, which every worker would share, and it reads no
 * byte from a tenant: the child that accepted a connection reads it. */
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
#define REPORT_MS 3 /* delay after the last start */
#define RETRY_MS 10 /* delay after a fork that failed, or a spare that ended unused */

typedef struct {
    uint64_t number;
    pid_t pid;
} fn_spare;

typedef struct {
    fn_worker *worker;
    fn_children children;
    fn_spare spares[FN_ZYGOTE_SPARES];
    size_t spare_count;
    int taken[2]; /* pipe: a spare that accepted a connection writes its number */
    int signals;
    uint64_t last_number;
    uint64_t next_watch_ns;
    uint64_t report_ns; /* 0: all pids were reported */
    bool exhausted;     /* a fork failed: wait before the next attempt */
    char line[FN_MAX_ZYGOTE_LINE_BYTES];
    size_t line_len;
} fn_zygote;

static _Noreturn void end_all(const fn_zygote *zygote, int status) {
    fn_children_kill_all(&zygote->children);
    for (size_t i = 0; i < zygote->spare_count; i++) {
        kill(zygote->spares[i].pid, SIGKILL);
    }
    _exit(status);
}

/* The host always reads this channel, so blocking until there is room is safe. */
static void say(const fn_zygote *zygote, const char *line, size_t len) {
    while (len > 0) {
        ssize_t count = send(FN_CHANNEL_FD, line, len, MSG_NOSIGNAL);
        if (count > 0) {
            line += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = FN_CHANNEL_FD, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            end_all(zygote, 0);
        }
    }
}

static void fork_spares(fn_zygote *zygote) {
    int parent = getpid();
    while (zygote->spare_count < FN_ZYGOTE_SPARES && !zygote->exhausted) {
        uint64_t number = zygote->last_number + 1;
        pid_t pid = fn_children_reserve(&zygote->children, FN_ZYGOTE_SPARES) == 0 ? fork() : -1;
        if (pid == 0) {
            fn_zygote_child_run(zygote->worker, LISTENER_FD, zygote->taken[1], number, parent);
        }
        if (pid < 0) {
            zygote->exhausted = true; /* connections wait in the backlog */
            return;
        }
        zygote->last_number = number;
        zygote->spares[zygote->spare_count++] = (fn_spare){number, pid};
    }
}

/* Removes the spare with that number or pid; returns its pid, or 0 if there is none. */
static pid_t remove_spare(fn_zygote *zygote, uint64_t number, pid_t pid) {
    for (size_t i = 0; i < zygote->spare_count; i++) {
        fn_spare spare = zygote->spares[i];
        if (spare.number == number || spare.pid == pid) {
            zygote->spares[i] = zygote->spares[--zygote->spare_count];
            return spare.pid;
        }
    }
    return 0;
}

/* Spares that accepted a connection are workers from now on. */
static void read_taken(fn_zygote *zygote) {
    uint64_t number;
    while (read(zygote->taken[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        pid_t pid = remove_spare(zygote, number, -1);
        if (pid == 0) {
            continue;
        }
        fn_children_add(&zygote->children, number, pid);
        zygote->report_ns = fn_wall_ns() + REPORT_MS * 1000000u;
    }
}

/* The host identifies a worker by its number and needs the pid only for people. So `forked` is
 * delayed until the worker has started, to keep the host free for it. */
static void report_forked(fn_zygote *zygote) {
    char line[96];
    for (size_t i = 0; i < zygote->children.count; i++) {
        fn_child *child = &zygote->children.list[i];
        if (!child->reported) {
            child->reported = true;
            int len = snprintf(line, sizeof(line),
                               "{\"type\":\"forked\",\"worker\":%" PRIu64 ",\"pid\":%d}\n",
                               child->worker, (int)child->pid);
            say(zygote, line, (size_t)len);
        }
    }
    zygote->report_ns = 0;
}

/* A child that has ended and was not reaped yet; 0 if there is none. */
static pid_t next_ended(void) {
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

static void reap(fn_zygote *zygote) {
    struct signalfd_siginfo info[8];
    while (read(zygote->signals, info, sizeof(info)) > 0) {
        /* One signal may stand for many children. */
    }
    report_forked(zygote); /* `forked` comes before `exited` */
    char line[192];
    for (pid_t pid; (pid = next_ended()) > 0;) {
        read_taken(zygote); /* it may have accepted a connection and ended since */
        int len = fn_children_reap(&zygote->children, pid, line, sizeof(line));
        if (len > 0) {
            say(zygote, line, (size_t)len);
        } else if (remove_spare(zygote, 0, pid) != 0) {
            zygote->exhausted = true;
        }
    }
}

static void on_line(fn_zygote *zygote, const char *line, size_t len) {
    yyjson_doc *doc = yyjson_read(line, len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *type = yyjson_obj_get(root, "type");
    yyjson_val *worker = yyjson_obj_get(root, "worker");
    yyjson_val *cpu_ms = yyjson_obj_get(root, "cpu_ms");
    bool is_kill = yyjson_equals_str(type, "kill");
    bool is_limit = yyjson_equals_str(type, "limit") && yyjson_is_uint(cpu_ms);
    if (!yyjson_is_uint(worker) || (!is_kill && !is_limit)) {
        fprintf(stderr, "quickjs-worker: the host sent an unknown message to the zygote\n");
        end_all(zygote, FN_EXIT_BREACH);
    }
    fn_child *child = fn_children_find(&zygote->children, yyjson_get_uint(worker));
    if (child != NULL && is_kill) {
        kill(child->pid, SIGKILL);
    } else if (child != NULL) {
        fn_children_limit(child, yyjson_get_uint(cpu_ms));
    }
    yyjson_doc_free(doc);
}

static void read_channel(fn_zygote *zygote) {
    ssize_t count = recv(FN_CHANNEL_FD, zygote->line + zygote->line_len,
                         FN_MAX_ZYGOTE_LINE_BYTES - zygote->line_len, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        end_all(zygote, 0);
    }
    zygote->line_len += (size_t)count;
    char *start = zygote->line;
    char *end = zygote->line + zygote->line_len;
    char *newline;
    while ((newline = memchr(start, '\n', (size_t)(end - start))) != NULL) {
        on_line(zygote, start, (size_t)(newline - start));
        start = newline + 1;
    }
    zygote->line_len = (size_t)(end - start);
    if (zygote->line_len == FN_MAX_ZYGOTE_LINE_BYTES) {
        end_all(zygote, FN_EXIT_BREACH);
    }
    memmove(zygote->line, start, zygote->line_len);
}

/* Enforces the CPU limits; returns the maximum time until the next check. */
static int watch(fn_zygote *zygote) {
    if (zygote->children.count == 0) {
        zygote->next_watch_ns = 0;
        return zygote->exhausted ? RETRY_MS : -1;
    }
    uint64_t now = fn_wall_ns();
    if (now >= zygote->next_watch_ns) {
        if (zygote->next_watch_ns != 0) {
            fn_children_watch(&zygote->children);
        }
        zygote->next_watch_ns = now + FN_WATCH_MS * 1000000u;
    }
    int wait = (int)((zygote->next_watch_ns - now) / 1000000u) + 1;
    return zygote->exhausted && wait > RETRY_MS ? RETRY_MS : wait;
}

static void run(fn_zygote *zygote) {
    enum { CHANNEL, TAKEN, SIGNALS };
    struct pollfd fds[] = {
        [CHANNEL] = {.fd = FN_CHANNEL_FD, .events = POLLIN},
        [TAKEN] = {.fd = zygote->taken[0], .events = POLLIN},
        [SIGNALS] = {.fd = zygote->signals, .events = POLLIN},
    };
    for (;;) {
        fork_spares(zygote);
        int wait = watch(zygote);
        if (zygote->report_ns != 0) {
            wait = wait < 0 || wait > REPORT_MS ? REPORT_MS : wait;
        }
        zygote->exhausted = false;
        if (poll(fds, 3, wait) < 0) {
            continue;
        }
        /* First the accepted connections: a message about such a worker, and its end, may have
         * arrived too. */
        read_taken(zygote);
        if (zygote->report_ns != 0 && fn_wall_ns() >= zygote->report_ns) {
            report_forked(zygote);
        }
        if (fds[SIGNALS].revents != 0) {
            reap(zygote);
        }
        if (fds[CHANNEL].revents != 0) {
            read_channel(zygote);
        }
    }
}

static int prepare(fn_zygote *zygote) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    zygote->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    /* Spares block in accept: one connection wakes one of them. */
    int flags = fcntl(LISTENER_FD, F_GETFL);
    if (zygote->signals < 0 || pipe2(zygote->taken, O_CLOEXEC | O_NONBLOCK) < 0 || flags < 0 ||
        fcntl(LISTENER_FD, F_SETFL, flags & ~O_NONBLOCK) < 0) {
        return -errno;
    }
    return 0;
}

static void say_listening(const fn_zygote *zygote) {
    char layers[64];
    char line[128];
    fn_lockdown_layers(zygote->worker, layers, sizeof(layers));
    int len = snprintf(line, sizeof(line), "{\"type\":\"listening\",\"layers\":[%s]}\n", layers);
    say(zygote, line, (size_t)len);
}

_Noreturn void fn_zygote_run(fn_worker *worker, const fn_grants *grants) {
    static fn_zygote zygote;
    zygote.worker = worker;
    int err = prepare(&zygote);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: descriptor 3 or 4 is not a usable socket: %s\n",
                uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    err = fn_lockdown_prepare(worker, grants);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: cannot prepare Landlock or seccomp: %s\n",
                uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    err = fn_worker_init(worker);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: cannot create the engine: %s\n", uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    fn_engine_seal(worker);
    worker->zygote_bytes = fn_limits_address_space();
    say_listening(&zygote);
    run(&zygote);
    end_all(&zygote, 0);
}
