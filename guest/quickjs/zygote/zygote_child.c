/* A prefork spare: forked off the zygote, it waits for a connection and becomes its worker. */
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

#define SPARE_LISTENER_FD 3 /* until the channel replaces it */
#define SPARE_TAKEN_FD 4
#define SPARE_RULESETS_FD 5

static void move_fd(int from, int to) {
    if (from != to && dup2(from, to) < 0) {
        _exit(FN_EXIT_FAILED);
    }
}

static void close_above(int last) {
    if (syscall(SYS_close_range, last + 1, ~0u, 0) != 0) {
        for (int other = last + 1; other < 64; other++) {
            close(other); /* an old kernel; the zygote has fewer than ten */
        }
    }
}

/* Closes what the zygote had open, except the listener, the pipe, the rulesets, and 0, 1 and 2. */
static void drop_inherited(fn_worker *worker, int listener, int taken, int parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a write to a log file beyond the limit fails, and does not kill */
    /* Without a pid namespace, nothing else ends a worker whose zygote is gone. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(FN_EXIT_FAILED);
    }
    move_fd(listener, SPARE_LISTENER_FD);
    move_fd(taken, SPARE_TAKEN_FD);
    int last = SPARE_TAKEN_FD;
    for (int i = 0; i < FN_RULESETS; i++) {
        int *ruleset = &worker->lockdown.rulesets[i];
        if (*ruleset >= 0) {
            last = SPARE_RULESETS_FD + i;
            move_fd(*ruleset, last);
            *ruleset = last;
        }
    }
    close_above(last);
}

/* Accepts a connection, which replaces the listener as the worker's channel. */
static void take_connection(uint64_t number) {
    int fd;
    while ((fd = accept4(SPARE_LISTENER_FD, NULL, NULL, SOCK_CLOEXEC)) < 0) {
        if (errno != EINTR && errno != ECONNABORTED) {
            _exit(FN_EXIT_FAILED);
        }
    }
    /* A write of this size is atomic, and the pipe never contains more than one for each spare. */
    if (write(SPARE_TAKEN_FD, &number, sizeof(number)) != sizeof(number)) {
        _exit(FN_EXIT_FAILED);
    }
    move_fd(fd, FN_CHANNEL_FD);
    close(fd);
    close(SPARE_TAKEN_FD);
}

/* Whether no connection is pending: then there is time for the warm-up. */
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

_Noreturn void fn_zygote_child_run(fn_worker *worker, int listener, int taken, uint64_t number,
                                   int parent) {
    drop_inherited(worker, listener, taken, parent);
    if (has_time()) {
        JS_UpdateStackTop(worker->rt);
        fn_warm_up(worker);
    }
    int err = fn_loop_init(worker);
    if (err != 0) {
        fn_worker_refused("cannot create the event loop of a worker", err);
    }
    take_connection(number);
    say_accepted(number);
    worker->number = number;
    worker->forked = true;
    fn_worker_live(worker);
}
