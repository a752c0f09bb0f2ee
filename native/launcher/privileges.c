/* Drops user, groups and capabilities, in the order in which each step is still allowed. */

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* The capabilities that exec could restore. An ordinary user may not drop them, and with
 * no_new_privs need not. */
static int empty_bounding_set(void) {
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EPERM) {
            return -errno;
        }
    }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 ? 0 : -errno;
}

/* By number: the C library would set the ids of all threads through signals, and there is only one
 * thread. */
static int become(uid_t uid, gid_t gid) {
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, gid, gid, gid) != 0 ||
        syscall(SYS_setresuid, uid, uid, uid) != 0) {
        return -errno;
    }
    return 0;
}

int fn_capabilities_clear(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

int fn_privileges_drop(fn_launch *launch) {
    const fn_options *options = &launch->options;
    int result = empty_bounding_set();
    if (result == 0 && options->uid.set) {
        result = become((uid_t)options->uid.value, (gid_t)options->gid.value);
    }
    if (result == 0) {
        result = fn_capabilities_clear();
    }
    if (result != 0) {
        return result;
    }
    /* Verifies that root cannot be regained. */
    if (getuid() == 0 || geteuid() == 0 || syscall(SYS_setresuid, -1, 0, -1) == 0) {
        return -EPERM;
    }
    return 0;
}
