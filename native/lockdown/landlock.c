/* Landlock: restricts the paths, ports, sockets and processes that a process can reach. Newer
 * kernels handle more of them; a ruleset asks only for what the kernel's version knows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lockdown/lockdown.h"

/* The headers may be older than the kernel. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_RIGHTS                                                                               \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)
/* The rights that the kernel accepts for a file that is not a directory. */
#define FILE_RIGHTS                                                                                \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     LANDLOCK_ACCESS_FS_TRUNCATE)
/* Nobody may create devices, sockets or fifos, whatever the write rights. */
#define VERSION_1_FS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

int fn_landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

/* The file rights that this version knows. */
static uint64_t known_fs(int version) {
    uint64_t known = VERSION_1_FS;
    if (version >= 2) {
        known |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= 3) {
        known |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (version >= 5) {
        known |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    return known;
}

int fn_landlock_new(unsigned leave) {
    int version = fn_landlock_version();
    if (version == 0) {
        return -ENOSYS;
    }
    struct {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
    } rules = {.fs = leave & FN_LANDLOCK_FILES ? 0 : known_fs(version)};
    size_t size = sizeof rules.fs;
    if (version >= 4) {
        size += sizeof rules.net;
        rules.net = leave & FN_LANDLOCK_NETWORK
                        ? 0
                        : LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    }
    if (version >= 6) {
        size += sizeof rules.scoped;
        rules.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    }
    long fd = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    return fd < 0 ? -errno : (int)fd;
}

int fn_landlock_allow_fd(int ruleset, int fd, unsigned rights) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return -errno;
    }
    uint64_t access = 0;
    access |= rights & FN_LANDLOCK_READ ? READ_RIGHTS : 0;
    access |= rights & FN_LANDLOCK_WRITE ? WRITE_RIGHTS : 0;
    access |= rights & FN_LANDLOCK_EXECUTE ? LANDLOCK_ACCESS_FS_EXECUTE : 0;
    access &= known_fs(fn_landlock_version());
    if (!S_ISDIR(info.st_mode)) {
        access &= FILE_RIGHTS;
    }
    struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    return result == 0 ? 0 : -errno;
}

int fn_landlock_allow(int ruleset, const char *path, unsigned rights) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int result = fn_landlock_allow_fd(ruleset, fd, rights);
    close(fd);
    return result;
}

int fn_landlock_apply(int ruleset) {
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : -errno;
}
