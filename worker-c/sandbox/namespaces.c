/* The namespaces that the program lives in: pid always, and user where the launcher is not root.
 * Mount, network, IPC and UTS namespaces join here: as flags of the clone, and as steps of
 * fn_namespaces_enter. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher.h"

pid_t fn_namespaces_clone(uint32_t layers) {
    unsigned long flags = SIGCHLD;
    if (layers & FN_LAYER_PID_NAMESPACE) {
        flags |= CLONE_NEWPID;
    }
    if (layers & FN_LAYER_USER_NAMESPACE) {
        flags |= CLONE_NEWUSER;
    }
    /* A fork with flags. The order of the other arguments differs by architecture; all are 0. The
     * child must not use raise or abort: the C library does not know of its new thread id. */
    long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    return pid < 0 ? -errno : (pid_t)pid;
}

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t written = write(fd, text, strlen(text));
    int result = written < 0 ? -errno : 0;
    close(fd);
    return result;
}

/* The user is the same inside as outside, and the only one there is. An ordinary user may write
 * such a map only after giving up setgroups, so the supplementary groups stay what they are. */
static int map_own_user(uid_t uid, gid_t gid) {
    char uid_map[32];
    char gid_map[32];
    snprintf(uid_map, sizeof uid_map, "%u %u 1", uid, uid);
    snprintf(gid_map, sizeof gid_map, "%u %u 1", gid, gid);
    int result = write_file("/proc/self/setgroups", "deny");
    if (result == 0) {
        result = write_file("/proc/self/uid_map", uid_map);
    }
    return result != 0 ? result : write_file("/proc/self/gid_map", gid_map);
}

int fn_namespaces_enter(const fn_launch *launch) {
    if (launch->layers & FN_LAYER_USER_NAMESPACE) {
        return map_own_user(launch->own_uid, launch->own_gid);
    }
    return 0;
}
