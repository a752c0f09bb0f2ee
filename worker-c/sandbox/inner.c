/* The inner half: from the fork to exec. With a pid namespace it is that namespace's init. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher.h"

static int own_session(const fn_launch *launch) {
    (void)launch;
    return setsid() < 0 ? -errno : 0;
}

static int root_folder(const fn_launch *launch) {
    (void)launch;
    umask(077);
    return chdir("/") == 0 ? 0 : -errno;
}

/* After the change of user, which would clear it. Whether the supervisor had died by then shows
 * when its word to go on is awaited. */
static int die_with_supervisor(const fn_launch *launch) {
    (void)launch;
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno;
}

static int no_new_privs(const fn_launch *launch) {
    (void)launch;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

static int unblock_signals(const fn_launch *launch) {
    (void)launch;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0 ? 0 : -errno;
}

/* In this order. Mounts come right after the socket, Landlock and seccomp after no_new_privs. */
static const struct {
    const char *what;
    int (*run)(const fn_launch *launch);
    uint32_t layer; /* in force once it has run */
} steps[] = {
    {"session", own_session, 0},
    {"listening socket", fn_socket_listen, 0},
    {"root folder", root_folder, 0},
    {"descriptors", fn_descriptors_enter, 0},
    {"rlimits", fn_rlimits_set, FN_LAYER_RLIMITS},
    {"privileges", fn_privileges_drop, 0},
    {"parent death signal", die_with_supervisor, 0},
    {"no_new_privs", no_new_privs, FN_LAYER_NO_NEW_PRIVS},
    {"signals", unblock_signals, 0},
};

static void report(const fn_launch *launch, const char *what, int error, bool in_namespace) {
    fn_inner_report message = {
        .error = error, .in_namespace = in_namespace, .layers = launch->layers};
    snprintf(message.what, sizeof message.what, "%s", what);
    /* A supervisor that is gone needs no report. */
    (void)!send(launch->sync_fd, &message, sizeof message, MSG_NOSIGNAL);
}

static _Noreturn void fail(const fn_launch *launch, const char *what, int error,
                           bool in_namespace) {
    report(launch, what, error, in_namespace);
    _exit(FN_EXIT_LAUNCH_FAILED);
}

/* The supervisor says so once it has told the host of us. End of file means that it is dead. */
static void await_word(const fn_launch *launch) {
    char word;
    ssize_t len;
    do {
        len = recv(launch->sync_fd, &word, sizeof word, 0);
    } while (len < 0 && errno == EINTR);
    if (len != sizeof word) {
        _exit(FN_EXIT_LAUNCH_FAILED);
    }
}

void fn_inner_run(fn_launch *launch) {
    int result = fn_namespaces_enter(launch);
    if (result != 0) {
        fail(launch, "namespaces", -result, true);
    }
    /* Nobody else of this user may look into us from here to exec. Not before: the files of /proc
     * that the namespaces are set up with would be root's. */
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        result = steps[i].run(launch);
        if (result != 0) {
            fail(launch, steps[i].what, -result, false);
        }
        launch->layers |= steps[i].layer;
    }
    if (launch->options.uid.set) {
        launch->layers |= FN_LAYER_UID;
    }
    report(launch, "ready", 0, false);
    await_word(launch);
    syscall(SYS_execveat, launch->program_fd, "", launch->options.argv, launch->options.envp,
            AT_EMPTY_PATH);
    fail(launch, "exec", errno, false);
}
