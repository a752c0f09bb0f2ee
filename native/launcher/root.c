/* The root of the program's mount namespace: empty and read-only but for what is mounted in it, or
 * the host's with some of it covered. Everything is made by descriptor: no name is looked up twice.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

#define NOTHING_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define EMPTY_PATH 0x1000 /* AT_EMPTY_PATH */
#define RECURSIVE 0x8000  /* AT_RECURSIVE */
#define DETACH 2          /* MNT_DETACH */
#define PRIVATE (1 << 18) /* MS_PRIVATE: sys/mount.h does not go with linux/mount.h */

typedef struct {
    const char *key;
    const char *value;
} fn_setting;

/* A file system that is mounted nowhere yet: a descriptor, or -errno. */
static int new_mount(const char *type, const fn_setting *settings, size_t count,
                     unsigned attributes) {
    int fs = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
    if (fs < 0) {
        return -errno;
    }
    long result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result =
            syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, settings[i].key, settings[i].value, 0);
    }
    if (result == 0) {
        result = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    }
    if (result == 0) {
        result = syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, attributes);
    }
    int error = -errno;
    close(fs);
    return result < 0 ? error : (int)result;
}

static int new_tmpfs(uint64_t bytes, const char *mode, unsigned attributes) {
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
    const fn_setting settings[] = {{"size", size}, {"mode", mode}};
    return new_mount("tmpfs", settings, 2, attributes);
}

static int attach(int tree, const char *path) {
    long result = syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
    int error = result == 0 ? 0 : -errno;
    close(tree);
    return error;
}

static int restrict_mount(int fd, const char *path, unsigned flags, uint64_t attributes) {
    struct mount_attr change = {.attr_set = attributes};
    return syscall(SYS_mount_setattr, fd, path, flags, &change, sizeof change) == 0 ? 0 : -errno;
}

static uint64_t attributes_of(fn_mount_kind kind) {
    switch (kind) {
    case FN_MOUNT_WRITE:
        return NOTHING_SPECIAL;
    case FN_MOUNT_PROGRAM:
        return MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    case FN_MOUNT_DEVICE:
        return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    default:
        return MOUNT_ATTR_RDONLY | NOTHING_SPECIAL;
    }
}

/* Takes hold of what is to be mounted, while it can still be seen. What is not there is not there
 * for the program either. */
static int take_tree(fn_mount *mount, uid_t worker) {
    if (mount->kind == FN_MOUNT_COVER) {
        return 0;
    }
    int way = fn_open_way(mount->path, worker);
    if (way == -ENOENT || way == -ENOTDIR) {
        fprintf(stderr, "functions-launcher: there is no %s\n", mount->path);
        return 0;
    }
    if (way < 0) {
        fprintf(stderr, "functions-launcher: there is no way to %s: %s\n", mount->path,
                way == -EMLINK ? "a link of the workers' user" : strerror(-way));
        return way;
    }
    long fd = syscall(SYS_open_tree, way, "",
                      EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
    int error = -errno;
    close(way);
    if (fd < 0) {
        return error;
    }
    mount->tree = (int)fd;
    struct stat info;
    if (fstat(mount->tree, &info) != 0) {
        return -errno;
    }
    mount->folder = S_ISDIR(info.st_mode);
    return restrict_mount(mount->tree, "", EMPTY_PATH | RECURSIVE, attributes_of(mount->kind));
}

/* Makes what a mount can be attached to: the folders on its way, and a folder or a file. */
static int make_place(const char *path, bool folder) {
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part) {
        return -ENAMETOOLONG;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (i == len && !folder) {
            int fd = open(part, O_CREAT | O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0444);
            if (fd < 0) {
                /* It may be there: something that nobody may open. */
                return access(part, F_OK) == 0 ? 0 : -errno;
            }
            close(fd);
        } else if (mkdir(part, 0755) != 0 && errno != EEXIST && errno != EROFS) {
            return -errno;
        }
    }
    return 0;
}

static int attach_at(int tree, const char *path, bool folder) {
    int result = make_place(path, folder);
    if (result != 0) {
        close(tree);
        return result;
    }
    return attach(tree, path);
}

/* A /proc of the own pid namespace, not mounted yet; -1 where there is to be none. Made while the
 * host's is in sight: an ordinary user gets one only where nothing of that one is covered. */
static int new_proc(const fn_options *options, int *proc) {
    /* Who may not be traced is not in sight: workers of one template share a pid namespace. */
    static const fn_setting settings[] = {{"hidepid", "2"}};
    *proc = options->proc == FN_OFF ? -1 : new_mount("proc", settings, 1, NOTHING_SPECIAL);
    if (*proc >= 0 || options->proc == FN_OFF) {
        return 0;
    }
    if (options->proc == FN_REQUIRED) {
        return *proc;
    }
    /* In the host's root the host's own would be left in sight. */
    *proc = options->host_root ? new_tmpfs(4096, "0555", NOTHING_SPECIAL | MOUNT_ATTR_RDONLY) : -1;
    return options->host_root && *proc < 0 ? *proc : 0;
}

/* From here on "/" is the new root, and the old one is gone. */
static int change_root(int root) {
    if (syscall(SYS_move_mount, root, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
        fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        syscall(SYS_umount2, ".", DETACH) != 0 || chdir("/") != 0) {
        return -errno;
    }
    return 0;
}

/* An empty folder or an empty file that nobody may open, to lie over what is there. */
static int new_cover(bool folder) {
    int root = new_tmpfs(1 << 16, "0555", NOTHING_SPECIAL);
    if (root < 0) {
        return root;
    }
    int tree = root;
    if (!folder) {
        int fd = openat(root, "covered", O_CREAT | O_RDONLY | O_CLOEXEC, 0);
        if (fd >= 0) {
            close(fd);
        }
        tree = (int)syscall(SYS_open_tree, root, "covered", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        int error = -errno;
        close(root);
        if (tree < 0) {
            return error;
        }
    }
    int result = restrict_mount(tree, "", EMPTY_PATH, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL);
    return result != 0 ? result : tree;
}

static int cover(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    }
    int tree = new_cover(S_ISDIR(info.st_mode));
    return tree < 0 ? tree : attach(tree, path);
}

static int fill_root(const fn_options *options, int proc) {
    /* First: what is mounted may lie in the host's. */
    if (options->tmp.set) {
        int tree = new_tmpfs(options->tmp.value, "1777", NOTHING_SPECIAL);
        int result = tree < 0 ? tree : attach_at(tree, "/tmp", true);
        if (result != 0) {
            return result;
        }
    }
    for (size_t i = 0; i < options->mount_count; i++) {
        const fn_mount *mount = &options->mounts[i];
        int result = mount->kind == FN_MOUNT_COVER ? cover(mount->path)
                     : mount->tree < 0 ? 0
                                       : attach_at(mount->tree, mount->path, mount->folder);
        if (result != 0) {
            return result;
        }
    }
    return proc < 0 ? 0 : attach_at(proc, "/proc", true);
}

static int enter_empty(fn_launch *launch, int proc) {
    const fn_options *options = &launch->options;
    uid_t worker = options->uid.set ? (uid_t)options->uid.value : geteuid();
    for (size_t i = 0; i < options->mount_count; i++) {
        int result = take_tree(&options->mounts[i], worker);
        if (result != 0) {
            launch->foreign_link = result == -EMLINK;
            return result;
        }
    }
    int root = new_tmpfs(1 << 20, "0755", NOTHING_SPECIAL);
    if (root < 0) {
        return root;
    }
    int result = change_root(root);
    close(root);
    result = result != 0 ? result : fill_root(options, proc);
    return result != 0 ? result : restrict_mount(AT_FDCWD, "/", 0, MOUNT_ATTR_RDONLY);
}

static int enter_host(const fn_options *options, int proc) {
    for (size_t i = 0; i < options->mount_count; i++) {
        int result = cover(options->mounts[i].path);
        if (result != 0) {
            return result;
        }
    }
    return proc < 0 ? 0 : attach(proc, "/proc");
}

int fn_root_enter(fn_launch *launch) {
    if ((launch->layers & FN_LAYER_MOUNT_NAMESPACE) == 0) {
        return 0;
    }
    umask(022); /* the listening socket left another */
    /* Nothing of what is mounted here shows outside. */
    struct mount_attr alone = {.propagation = PRIVATE};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", RECURSIVE, &alone, sizeof alone) != 0) {
        return -errno;
    }
    const fn_options *options = &launch->options;
    int proc;
    int result = new_proc(options, &proc);
    if (result != 0) {
        return result;
    }
    return options->host_root ? enter_host(options, proc) : enter_empty(launch, proc);
}
