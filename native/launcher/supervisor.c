/* The supervisor: starts the child, reports it to the host, forwards SIGTERM, and ends with the
 * child's status. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* The namespaces to clone into. An ordinary user may create the others only in its own user
 * namespace. */
static uint32_t wanted_namespaces(const fn_launch *launch) {
    const fn_options *options = &launch->options;
    uint32_t wanted = options->pid_namespace == FN_OFF ? 0 : FN_LAYER_PID_NAMESPACE;
    bool any = wanted != 0 || options->mount_namespace != FN_OFF ||
               options->network_namespace != FN_OFF || options->ipc_namespace != FN_OFF ||
               options->uts_namespace != FN_OFF;
    return any && launch->own_uid != 0 ? wanted | FN_LAYER_USER_NAMESPACE : wanted;
}

static int wait_for(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            fn_report_failed("wait", errno);
        }
    }
    return status;
}

/* Receives one packet; false at end of file: the child has executed the program or has died. */
static bool receive(int fd, fn_child_report *report) {
    ssize_t len;
    do {
        len = recv(fd, report, sizeof *report, 0);
    } while (len < 0 && errno == EINTR);
    return len == (ssize_t)sizeof *report;
}

/* Returns the child's pid and its report, or -errno if it could not be started. */
static pid_t start_child(fn_launch *launch, uint32_t namespaces, fn_child_report *report) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -errno;
    }
    for (int i = 0; i < 2; i++) {
        pair[i] = fn_descriptor_reserve(pair[i]);
        if (pair[i] < 0) {
            return pair[i];
        }
    }
    pid_t pid = fn_namespaces_clone(namespaces);
    if (pid == 0) {
        /* An open copy of the supervisor's end would hide the supervisor's death. */
        close(pair[0]);
        launch->sync_fd = pair[1];
        launch->layers = namespaces;
        fn_child_run(launch);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return pid;
    }
    launch->sync_fd = pair[0];
    if (!receive(launch->sync_fd, report)) {
        *report = (fn_child_report){.what = "launcher child", .error = EIO};
    }
    return pid;
}

/* Starts the child up to the point before exec. If a namespace is refused, it tries once more
 * without the namespaces that are only preferred. */
static pid_t prepare_child(fn_launch *launch, fn_child_report *report) {
    uint32_t namespaces = wanted_namespaces(launch);
    pid_t pid = start_child(launch, namespaces, report);
    bool refused = pid < 0 || (report->error != 0 && report->in_namespace);
    if (refused) {
        if (pid > 0) {
            wait_for(pid);
            close(launch->sync_fd);
        }
        fn_namespaces_forgo(&launch->options);
        bool required = launch->options.pid_namespace == FN_REQUIRED;
        pid = start_child(launch, required ? wanted_namespaces(launch) : 0, report);
    }
    if (pid < 0) {
        fn_report_failed(namespaces != 0 ? "namespaces" : "fork", -pid);
    }
    if (report->error != 0) {
        wait_for(pid);
        fn_report_failed(report->what, report->error);
    }
    return pid;
}

/* Ends with the child's status, so that the host sees no difference between the two. */
static _Noreturn void end_with(int status) {
    if (WIFEXITED(status)) {
        _exit(WEXITSTATUS(status));
    }
    int number = WTERMSIG(status);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(FN_EXIT_LAUNCH_FAILED);
}

/* Forwards SIGTERM to the program. Other signals, such as SIGINT from a terminal, are the host's
 * business. */
static _Noreturn void watch(pid_t pid) {
    sigset_t heeded;
    sigemptyset(&heeded);
    sigaddset(&heeded, SIGCHLD);
    sigaddset(&heeded, SIGTERM);
    for (;;) {
        siginfo_t info;
        if (sigwaitinfo(&heeded, &info) == SIGTERM) {
            kill(pid, SIGTERM);
        }
        int status;
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) {
            end_with(status);
        }
    }
}

void fn_supervise(fn_launch *launch) {
    fn_child_report report;
    pid_t pid = prepare_child(launch, &report);
    if (launch->own_uid != 0) {
        /* Programs of the same user must not trace their supervisor. */
        prctl(PR_SET_DUMPABLE, 0);
    }
    fn_report_launched(pid, report.layers);
    char word = 1;
    (void)!send(launch->sync_fd, &word, sizeof word, MSG_NOSIGNAL);
    if (receive(launch->sync_fd, &report)) {
        wait_for(pid);
        fn_report_failed(report.what, report.error);
    }
    /* Only the program keeps the channel open, so that the host sees it close when the program
     * ends. */
    close(FN_CHANNEL_FD);
    close(launch->sync_fd);
    close(launch->program_fd);
    watch(pid);
}
