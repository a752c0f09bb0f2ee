/* The program's namespaces. A pid namespace contains only processes that are cloned into it, and a
 * user namespace gives an ordinary user the right to create others. These two are therefore flags
 * of the clone. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

pid_t fn_namespaces_clone(uint32_t layers) {
    unsigned long flags = SIGCHLD;
    if (layers & FN_LAYER_PID_NAMESPACE) {
        flags |= CLONE_NEWPID;
    }
    if (layers & FN_LAYER_USER_NAMESPACE) {
        flags |= CLONE_NEWUSER;
    }
    /* A fork with flags. The order of the other arguments differs by architecture, but all are 0.
     * The child must not call raise or abort: the C library does not know its new thread id. */
    long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    return pid < 0 ? -errno : (pid_t)pid;
}

void fn_namespaces_forgo(fn_options *options) {
    fn_mode *modes[] = {&options->mount_namespace, &options->network_namespace,
                        &options->ipc_namespace, &options->uts_namespace};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (*modes[i] == FN_PREFERRED) {
            *modes[i] = FN_OFF;
        }
    }
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

/* Maps the launcher's user and group to themselves, and nothing else. An ordinary user may write
 * such a map only after denying setgroups, so the supplementary groups stay as they are. */
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

int fn_namespaces_enter(fn_launch *launch, const char **what) {
    const fn_options *options = &launch->options;
    *what = "user namespace";
    if (launch->layers & FN_LAYER_USER_NAMESPACE) {
        int result = map_own_user(launch->own_uid, launch->own_gid);
        if (result != 0) {
            return result;
        }
    }
    const struct {
        const char *name;
        fn_mode mode;
        int flag;
        uint32_t layer;
    } kinds[] = {
        {"mount namespace", options->mount_namespace, CLONE_NEWNS, FN_LAYER_MOUNT_NAMESPACE},
        {"network namespace", options->network_namespace, CLONE_NEWNET, FN_LAYER_NETWORK_NAMESPACE},
        {"ipc namespace", options->ipc_namespace, CLONE_NEWIPC, FN_LAYER_IPC_NAMESPACE},
        {"uts namespace", options->uts_namespace, CLONE_NEWUTS, FN_LAYER_UTS_NAMESPACE},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].mode == FN_OFF) {
            continue;
        }
        *what = kinds[i].name;
        if (unshare(kinds[i].flag) == 0) {
            launch->layers |= kinds[i].layer;
        } else if (kinds[i].mode == FN_REQUIRED) {
            return -errno;
        }
    }
    if (launch->layers & FN_LAYER_UTS_NAMESPACE) {
        static const char name[] = "functions";
        /* Hides the host's name. */
        *what = "uts namespace";
        bool named = sethostname(name, sizeof name - 1) == 0;
        return named || options->uts_namespace == FN_PREFERRED ? 0 : -errno;
    }
    return 0;
}
