/* The two lines that the launcher may write to the channel before the program owns it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "launcher/launcher.h"

static const char *layer_names[] = {"rlimits",           "no_new_privs",  "pid_namespace",
                                    "user_namespace",    "uid",           "mount_namespace",
                                    "network_namespace", "ipc_namespace", "uts_namespace",
                                    "landlock",          "seccomp"};

/* musl has no function that returns these names. */
static const struct {
    int number;
    const char *name;
} errno_names[] = {
    {EPERM, "EPERM"},
    {ENOENT, "ENOENT"},
    {ESRCH, "ESRCH"},
    {EINTR, "EINTR"},
    {EIO, "EIO"},
    {E2BIG, "E2BIG"},
    {ENOEXEC, "ENOEXEC"},
    {EBADF, "EBADF"},
    {EAGAIN, "EAGAIN"},
    {ENOMEM, "ENOMEM"},
    {EACCES, "EACCES"},
    {EBUSY, "EBUSY"},
    {EEXIST, "EEXIST"},
    {ENOTDIR, "ENOTDIR"},
    {EISDIR, "EISDIR"},
    {EINVAL, "EINVAL"},
    {ENFILE, "ENFILE"},
    {EMFILE, "EMFILE"},
    {ETXTBSY, "ETXTBSY"},
    {ENOSPC, "ENOSPC"},
    {EROFS, "EROFS"},
    {ENOSYS, "ENOSYS"},
    {ENAMETOOLONG, "ENAMETOOLONG"},
    {ELOOP, "ELOOP"},
    {EUSERS, "EUSERS"},
    {EADDRINUSE, "EADDRINUSE"},
    {EPROTO, "EPROTO"},
};

static void errno_name(int error, char *out, size_t size) {
    for (size_t i = 0; i < sizeof errno_names / sizeof errno_names[0]; i++) {
        if (errno_names[i].number == error) {
            snprintf(out, size, "%s", errno_names[i].name);
            return;
        }
    }
    snprintf(out, size, "E%d", error);
}

/* Without a channel, as when the launcher is started by hand, the line goes to standard error. If
 * the host has closed the channel, nothing is started. */
static void write_line(const char *line) {
    size_t len = strlen(line);
    ssize_t written = write(FN_CHANNEL_FD, line, len);
    if (written < 0 && errno == EBADF) {
        written = write(STDERR_FILENO, line, len);
    }
    if (written < 0) {
        exit(FN_EXIT_LAUNCH_FAILED);
    }
}

void fn_report_launched(pid_t pid, uint32_t layers) {
    char line[256];
    int used = snprintf(line, sizeof line, "{\"type\":\"launched\",\"pid\":%d,\"layers\":[", pid);
    const char *comma = "";
    for (size_t i = 0; i < sizeof layer_names / sizeof layer_names[0]; i++) {
        if (layers & (1u << i)) {
            size_t left = sizeof line - (size_t)used;
            used += snprintf(line + used, left, "%s\"%s\"", comma, layer_names[i]);
            comma = ",";
        }
    }
    snprintf(line + used, sizeof line - (size_t)used, "]}\n");
    write_line(line);
}

/* `what` is always a literal of this program, so it needs no escaping. */
void fn_report_failed(const char *what, int error) {
    char name[24];
    char line[256];
    errno_name(error, name, sizeof name);
    snprintf(line, sizeof line, "{\"type\":\"launch-failed\",\"what\":\"%s\",\"errno\":\"%s\"}\n",
             what, name);
    write_line(line);
    exit(FN_EXIT_LAUNCH_FAILED);
}
