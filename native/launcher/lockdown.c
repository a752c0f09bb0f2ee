/* Applies Landlock and seccomp for a program that does not restrict itself (Bun). */

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include "launcher/launcher.h"

static unsigned rights_of(fn_mount_kind kind) {
    switch (kind) {
    case FN_MOUNT_PROGRAM:
        return FN_LANDLOCK_READ | FN_LANDLOCK_EXECUTE;
    case FN_MOUNT_WRITE:
    case FN_MOUNT_DEVICE:
        return FN_LANDLOCK_READ | FN_LANDLOCK_WRITE;
    default:
        return FN_LANDLOCK_READ;
    }
}

static int allow(int ruleset, const char *path, unsigned rights) {
    int result = fn_landlock_allow(ruleset, path, rights);
    /* A path that does not exist cannot be reached. */
    return result == -ENOENT || result == -ENOTDIR || result == -EACCES ? 0 : result;
}

static int allow_all(int ruleset, const fn_options *options) {
    int result = 0;
    for (size_t i = 0; i < options->mount_count && result == 0; i++) {
        const fn_mount *mount = &options->mounts[i];
        if (mount->kind != FN_MOUNT_COVER) {
            result = allow(ruleset, mount->path, rights_of(mount->kind));
        }
    }
    if (result == 0 && options->tmp.set) {
        result = allow(ruleset, "/tmp", FN_LANDLOCK_READ | FN_LANDLOCK_WRITE);
    }
    return result != 0 || options->proc == FN_OFF ? result
                                                  : allow(ruleset, "/proc", FN_LANDLOCK_READ);
}

int fn_landlock_enter(fn_launch *launch) {
    const fn_options *options = &launch->options;
    if (options->landlock == FN_OFF) {
        return 0;
    }
    unsigned leave = options->host_root ? FN_LANDLOCK_FILES : 0;
    leave |= options->network_namespace == FN_OFF ? FN_LANDLOCK_NETWORK : 0;
    int ruleset = fn_landlock_new(leave);
    if (ruleset < 0) {
        return options->landlock == FN_REQUIRED ? ruleset : 0;
    }
    int result = options->host_root ? 0 : allow_all(ruleset, options);
    /* The program itself, by descriptor: its path may be outside of the mounts. */
    if (result == 0 && !options->host_root) {
        result = fn_landlock_allow_fd(ruleset, launch->program_fd,
                                      FN_LANDLOCK_READ | FN_LANDLOCK_EXECUTE);
    }
    result = result != 0 ? result : fn_landlock_apply(ruleset);
    launch->layers |= result == 0 ? FN_LAYER_LANDLOCK : 0;
    return result; /* the descriptor closes at exec */
}

/* An empty string at an address that cannot be guessed. */
static const char *make_exec_token(void) {
    for (int tries = 0; tries < 64; tries++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != sizeof random) {
            return NULL;
        }
        uintptr_t hint = (uintptr_t)(random & 0x3ffffffff000u) + 0x10000u;
        void *page = mmap((void *)hint, 4096, PROT_READ,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (page != MAP_FAILED) {
            return (const char *)page + random % 4096;
        }
    }
    return NULL;
}

int fn_seccomp_enter(fn_launch *launch) {
    if (launch->options.filter == NULL) {
        return 0;
    }
    launch->exec_token = make_exec_token();
    if (launch->exec_token == NULL) {
        return -ENOMEM;
    }
    int result = fn_seccomp_apply(launch->options.filter, launch->exec_token);
    launch->layers |= result == 0 ? FN_LAYER_SECCOMP : 0;
    return result;
}
