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
#include "launcher/launcher.h"

static int own_session(fn_launch *launch) {
    (void)launch;
    return setsid() < 0 ? -errno : 0;
}

static int root_folder(fn_launch *launch) {
    (void)launch;
    umask(077);
    return chdir("/") == 0 ? 0 : -errno;
}

/* After the change of user, which would clear it. Whether the supervisor had died by then shows
 * when its word to go on is awaited. */
static int die_with_supervisor(fn_launch *launch) {
    (void)launch;
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno;
}

static int no_new_privs(fn_launch *launch) {
    (void)launch;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

static int unblock_signals(fn_launch *launch) {
    (void)launch;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0 ? 0 : -errno;
}

/* In this order: the root while there are rights to mount, Landlock and seccomp once no_new_privs
 * allows them to anybody. */
static const struct {
    const char *what;
    int (*run)(fn_launch *launch);
    uint32_t layer;    /* in force once it has run */
    bool in_namespace; /* what fails then may go well without namespaces */
} steps[] = {
    {"session", own_session, 0, false},
    {"priority", fn_priority_lower, 0, false},
    {"listening socket", fn_socket_listen, 0, false},
    {"descriptors", fn_descriptors_enter, 0, false},
    {"root", fn_root_enter, 0, true},
    {"root folder", root_folder, 0, false},
    {"rlimits", fn_rlimits_set, FN_LAYER_RLIMITS, false},
    {"privileges", fn_privileges_drop, 0, false},
    {"processes", fn_processes_limit, 0, false},
    {"parent death signal", die_with_supervisor, 0, false},
    {"no_new_privs", no_new_privs, FN_LAYER_NO_NEW_PRIVS, false},
    {"signals", unblock_signals, 0, false},
    {"landlock", fn_landlock_enter, 0, false},
    {"seccomp", fn_seccomp_enter, 0, false},
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
    const char *refused;
    int result = fn_namespaces_enter(launch, &refused);
    if (result != 0) {
        fail(launch, refused, -result, true);
    }
    /* Nobody else of this user may look into us from here to exec. Not before: the files of /proc
     * that the namespaces are set up with would be root's. */
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        result = steps[i].run(launch);
        if (result != 0) {
            /* Without namespaces the link would be followed by Landlock: there is no second try. */
            bool by_link = launch->foreign_link;
            fail(launch, by_link ? "foreign link" : steps[i].what, -result,
                 steps[i].in_namespace && !by_link);
        }
        launch->layers |= steps[i].layer;
    }
    if (launch->options.uid.set) {
        launch->layers |= FN_LAYER_UID;
    }
    report(launch, "ready", 0, false);
    await_word(launch);
    syscall(SYS_execveat, launch->program_fd, launch->door == NULL ? "" : launch->door,
            launch->options.argv, launch->options.envp, AT_EMPTY_PATH);
    fail(launch, "exec", errno, false);
}
