/* How a process becomes a worker: forked off the template as a spare that waits for its connection,
 * or started as one. */
#include "zygote/zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "invocation/invocation.h"

#define SPARE_LISTENER_FD 3 /* until the channel takes its place */
#define SPARE_TAKEN_FD 4
#define SPARE_RULESETS_FD 5

_Noreturn void fn_worker_refused(const char *what, int err) {
    fprintf(stderr, "quickjs-worker: %s: %s\n", what, uv_strerror(err));
    _exit(FN_EXIT_FAILED);
}

static void move_fd(int from, int to) {
    if (from != to && dup2(from, to) < 0) {
        _exit(FN_EXIT_FAILED);
    }
}

static void close_above(int last) {
    if (syscall(SYS_close_range, last + 1, ~0u, 0) != 0) {
        for (int other = last + 1; other < 64; other++) {
            close(other); /* an old kernel; the template itself has less than ten */
        }
    }
}

/* Drops what the template had open, so that the listener, the pipe and the rulesets are all that is
 * left beside 0, 1 and 2. */
static void drop_inherited(fn_worker *worker, int listener, int taken, int parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a log that is a file is just not written to */
    /* Without a pid namespace nothing else ends a worker whose template is gone. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(FN_EXIT_FAILED);
    }
    move_fd(listener, SPARE_LISTENER_FD);
    move_fd(taken, SPARE_TAKEN_FD);
    int last = SPARE_TAKEN_FD;
    for (int i = 0; i < FN_RULESETS; i++) {
        int *ruleset = &worker->closing.rulesets[i];
        if (*ruleset >= 0) {
            last = SPARE_RULESETS_FD + i;
            move_fd(*ruleset, last);
            *ruleset = last;
        }
    }
    close_above(last);
}

/* Waits for a connection, which takes the listener's place as the worker's channel. */
static void take_connection(uint64_t number) {
    int fd;
    while ((fd = accept4(SPARE_LISTENER_FD, NULL, NULL, SOCK_CLOEXEC)) < 0) {
        if (errno != EINTR && errno != ECONNABORTED) {
            _exit(FN_EXIT_FAILED);
        }
    }
    /* So few bytes are written whole or not at all, and there are never more than the spares'. */
    if (write(SPARE_TAKEN_FD, &number, sizeof(number)) != sizeof(number)) {
        _exit(FN_EXIT_FAILED);
    }
    move_fd(fd, FN_CHANNEL_FD);
    close(fd);
    close(SPARE_TAKEN_FD);
}

/* Is nobody waiting for this spare yet? Then what every start does is done once before. */
static bool has_time(void) {
    struct pollfd pending = {.fd = SPARE_LISTENER_FD, .events = POLLIN};
    return poll(&pending, 1, 0) == 0;
}

static void say_accepted(uint64_t number) {
    char line[64];
    int len = snprintf(line, sizeof(line), "{\"type\":\"accepted\",\"worker\":%llu}\n",
                       (unsigned long long)number);
    if (send(FN_CHANNEL_FD, line, (size_t)len, MSG_NOSIGNAL) != len) {
        _exit(FN_EXIT_FAILED);
    }
}

_Noreturn void fn_child_run(fn_worker *worker, int listener, int taken, uint64_t number,
                            int parent) {
    drop_inherited(worker, listener, taken, parent);
    if (has_time()) {
        JS_UpdateStackTop(worker->rt);
        fn_rehearse(worker);
    }
    int err = fn_loop_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot make its loop", err);
    }
    take_connection(number);
    say_accepted(number);
    worker->number = number;
    worker->forked = true;
    fn_worker_live(worker);
}

_Noreturn void fn_worker_run(fn_worker *worker, const fn_grants *grants) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    int err = fn_closing_prepare(worker, grants);
    err = err != 0 ? err : fn_worker_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot make the engine", err);
    }
    fn_engine_seal(worker);
    worker->template_bytes = fn_limits_address_space();
    JS_UpdateStackTop(worker->rt);
    err = fn_loop_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot make its loop", err);
    }
    worker->number = 1;
    fn_worker_live(worker);
}
