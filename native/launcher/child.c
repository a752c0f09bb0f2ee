/* The child: from the fork to exec. With a pid namespace it is that namespace's init. */

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

static int root_directory(fn_launch *launch) {
    (void)launch;
    umask(077);
    return chdir("/") == 0 ? 0 : -errno;
}

/* Set after the change of user, which would clear it. If the supervisor died before this call,
 * await_go sees the end of the socket. */
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

/* The order matters: the root is changed while the child may still mount; Landlock and seccomp
 * follow no_new_privs, which lets an unprivileged process use them. */
static const struct {
    const char *what;
    int (*run)(fn_launch *launch);
    uint32_t layer;    /* in force after the step */
    bool in_namespace; /* a failure may be retried without namespaces */
} steps[] = {
    {"session", own_session, 0, false},
    {"priority", fn_priority_lower, 0, false},
    {"listening socket", fn_socket_listen, 0, false},
    {"descriptors", fn_descriptors_enter, 0, false},
    {"root", fn_root_enter, 0, true},
    {"root directory", root_directory, 0, false},
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
    fn_child_report message = {
        .error = error, .in_namespace = in_namespace, .layers = launch->layers};
    snprintf(message.what, sizeof message.what, "%s", what);
    /* If the supervisor is gone, nobody reads the report. */
    (void)!send(launch->sync_fd, &message, sizeof message, MSG_NOSIGNAL);
}

static _Noreturn void fail(const fn_launch *launch, const char *what, int error,
                           bool in_namespace) {
    report(launch, what, error, in_namespace);
    _exit(FN_EXIT_LAUNCH_FAILED);
}

/* The supervisor sends one byte after it has reported the launch to the host. End of file means
 * that the supervisor is dead. */
static void await_go(const fn_launch *launch) {
    char word;
    ssize_t len;
    do {
        len = recv(launch->sync_fd, &word, sizeof word, 0);
    } while (len < 0 && errno == EINTR);
    if (len != sizeof word) {
        _exit(FN_EXIT_LAUNCH_FAILED);
    }
}

void fn_child_run(fn_launch *launch) {
    const char *refused;
    int result = fn_namespaces_enter(launch, &refused);
    if (result != 0) {
        fail(launch, refused, -result, true);
    }
    /* From here to exec, other processes of this user cannot trace this one. It cannot be set
     * earlier: the files in /proc that set up the namespaces would belong to root. */
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        result = steps[i].run(launch);
        if (result != 0) {
            /* No second attempt without namespaces for an untrusted link, which Landlock would
             * follow, and for a refused /proc, as the host's would be visible. */
            const char *own = launch->untrusted_link ? "untrusted link"
                              : launch->proc_refused ? "proc"
                                                     : NULL;
            fail(launch, own != NULL ? own : steps[i].what, -result,
                 steps[i].in_namespace && own == NULL);
        }
        launch->layers |= steps[i].layer;
    }
    if (launch->options.uid.set) {
        launch->layers |= FN_LAYER_UID;
    }
    report(launch, "ready", 0, false);
    await_go(launch);
    syscall(SYS_execveat, launch->program_fd, launch->exec_token == NULL ? "" : launch->exec_token,
            launch->options.argv, launch->options.envp, AT_EMPTY_PATH);
    fail(launch, "exec", errno, false);
}
