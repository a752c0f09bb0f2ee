/* The template: accepts, forks, reaps, and keeps the CPU watch. No libuv here (a loop would be
 * shared with every worker), and not one byte of a tenant's: what a connection says, its child
 * reads. */
#include "template.h"

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
#include <unistd.h>
#include "children.h"

#define CHANNEL_FD 3
#define LISTENER_FD 4
#define MAX_LINE 4096
#define ACCEPTS_A_TURN 64
#define RETRY_MS 10 /* after an accept or a fork that the system refused */

typedef struct {
    fn_worker *worker;
    fn_children children;
    int signals;
    uint64_t last_number;
    uint64_t next_watch_ns;
    bool exhausted; /* no descriptor, memory or process was to be had: wait before the next try */
    char line[MAX_LINE];
    size_t line_len;
} fn_template;

static _Noreturn void end_all(const fn_template *template, int status) {
    fn_children_kill_all(&template->children);
    _exit(status);
}

/* The host reads this channel all the time, so waiting for room in it is no risk. */
static void say(const fn_template *template, const char *line, size_t len) {
    while (len > 0) {
        ssize_t count = send(CHANNEL_FD, line, len, MSG_NOSIGNAL);
        if (count > 0) {
            line += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = CHANNEL_FD, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            end_all(template, 0);
        }
    }
}

static void fork_worker(fn_template *template, int fd) {
    char line[96];
    int parent = getpid();
    pid_t pid = fn_children_reserve(&template->children) == 0 ? fork() : -1;
    if (pid == 0) {
        fn_child_run(template->worker, fd, template->last_number + 1, parent);
    }
    close(fd);
    if (pid < 0) {
        template->exhausted = true; /* the host sees the connection close, and tries again */
        return;
    }
    uint64_t number = ++template->last_number;
    fn_children_add(&template->children, number, pid);
    int len =
        snprintf(line, sizeof(line), "{\"type\":\"forked\",\"worker\":%" PRIu64 ",\"pid\":%d}\n",
                 number, (int)pid);
    say(template, line, (size_t)len);
}

static void accept_some(fn_template *template) {
    for (int i = 0; i < ACCEPTS_A_TURN && !template->exhausted; i++) {
        int fd = accept4(LISTENER_FD, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            fork_worker(template, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            template->exhausted = true;
        }
    }
}

static void reap(fn_template *template) {
    struct signalfd_siginfo info[8];
    while (read(template->signals, info, sizeof(info)) > 0) {
        /* One of them may stand for many children. */
    }
    char line[192];
    int len;
    while ((len = fn_children_reap(&template->children, line, sizeof(line))) > 0) {
        say(template, line, (size_t)len);
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
    ssize_t count = recv(CHANNEL_FD, template->line + template->line_len,
                         MAX_LINE - template->line_len, MSG_DONTWAIT);
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
    if (template->line_len == MAX_LINE) {
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
    enum { CHANNEL, LISTENER, SIGNALS };
    struct pollfd fds[] = {
        [CHANNEL] = {.fd = CHANNEL_FD, .events = POLLIN},
        [LISTENER] = {.fd = LISTENER_FD, .events = POLLIN},
        [SIGNALS] = {.fd = template->signals, .events = POLLIN},
    };
    for (;;) {
        int wait = watch(template);
        fds[LISTENER].events = template->exhausted ? 0 : POLLIN;
        template->exhausted = false;
        if (poll(fds, 3, wait) < 0) {
            continue;
        }
        if (fds[CHANNEL].revents != 0) {
            read_channel(template);
        }
        if (fds[SIGNALS].revents != 0) {
            reap(template);
        }
        if ((fds[LISTENER].revents & POLLIN) != 0) {
            accept_some(template);
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
    int flags = fcntl(LISTENER_FD, F_GETFL);
    if (template->signals < 0 || flags < 0 || fcntl(LISTENER_FD, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    return 0;
}

_Noreturn void fn_template_run(fn_worker *worker) {
    static fn_template template;
    template.worker = worker;
    int err = prepare(&template);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: descriptors 3 and 4 are not as expected: %s\n",
                uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    err = fn_engine_init(worker);
    if (err != 0) {
        fprintf(stderr, "quickjs-worker: cannot make the engine: %s\n", uv_strerror(err));
        _exit(FN_EXIT_FAILED);
    }
    fn_engine_seal(worker);
    worker->template_bytes = fn_limits_address_space();
    static const char listening[] = "{\"type\":\"listening\"}\n";
    say(&template, listening, sizeof(listening) - 1);
    run(&template);
    end_all(&template, 0);
}
