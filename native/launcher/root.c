/* The root of the program's mount namespace: either an empty read-only root with only the mounts in
 * it, or the host's root with some paths covered. Everything is done by descriptor, so that no name
 * is looked up twice. */

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

/* Creates a file system that is not mounted yet. Returns a descriptor or -errno. */
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

/* Opens the tree to mount while the host's root is still visible. A path that does not exist on the
 * host does not exist for the program either. */
static int take_tree(fn_mount *mount, uid_t worker) {
    if (mount->kind == FN_MOUNT_COVER) {
        return 0;
    }
    int path_fd = fn_open_untrusted_path(mount->path, worker);
    if (path_fd == -ENOENT || path_fd == -ENOTDIR) {
        fprintf(stderr, "functions-launcher: %s does not exist, so the worker does not get it\n",
                mount->path);
        return 0;
    }
    if (path_fd < 0) {
        fprintf(stderr, "functions-launcher: cannot open %s: %s\n", mount->path,
                path_fd == -EMLINK ? "a symbolic link in it belongs to the workers' user"
                                   : strerror(-path_fd));
        return path_fd;
    }
    long fd = syscall(SYS_open_tree, path_fd, "",
                      EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
    int error = -errno;
    close(path_fd);
    if (fd < 0) {
        return error;
    }
    mount->tree = (int)fd;
    struct stat info;
    if (fstat(mount->tree, &info) != 0) {
        return -errno;
    }
    mount->directory = S_ISDIR(info.st_mode);
    return restrict_mount(mount->tree, "", EMPTY_PATH | RECURSIVE, attributes_of(mount->kind));
}

/* Creates the mount point: the parent directories, and a directory or an empty file. */
static int make_place(const char *path, bool directory) {
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
        if (i == len && !directory) {
            int fd = open(part, O_CREAT | O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0444);
            if (fd < 0) {
                /* The file may exist and be unreadable for everyone. */
                return access(part, F_OK) == 0 ? 0 : -errno;
            }
            close(fd);
        } else if (mkdir(part, 0755) != 0 && errno != EEXIST && errno != EROFS) {
            return -errno;
        }
    }
    return 0;
}

static int attach_at(int tree, const char *path, bool directory) {
    int result = make_place(path, directory);
    if (result != 0) {
        close(tree);
        return result;
    }
    return attach(tree, path);
}

/* Creates a /proc for the program's pid namespace, not mounted yet; -1 if none is wanted. This
 * happens while the host's /proc is visible: the kernel allows an ordinary user a new /proc only if
 * nothing of the visible one is covered. */
static int new_proc(const fn_options *options, int *proc) {
    /* Hides processes that the reader may not trace: workers of one zygote share a pid namespace.
     */
    static const fn_setting settings[] = {{"hidepid", "2"}};
    *proc = options->proc == FN_OFF ? -1 : new_mount("proc", settings, 1, NOTHING_SPECIAL);
    if (*proc >= 0 || options->proc == FN_OFF) {
        return 0;
    }
    if (options->proc == FN_REQUIRED) {
        return *proc;
    }
    /* With the host's root, the host's own /proc would stay visible, so an empty one covers it. */
    *proc = options->host_root ? new_tmpfs(4096, "0555", NOTHING_SPECIAL | MOUNT_ATTR_RDONLY) : -1;
    return options->host_root && *proc < 0 ? *proc : 0;
}

/* Makes the new root "/" and detaches the old one. */
static int change_root(int root) {
    if (syscall(SYS_move_mount, root, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
        fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        syscall(SYS_umount2, ".", DETACH) != 0 || chdir("/") != 0) {
        return -errno;
    }
    return 0;
}

/* Creates what is mounted over an existing path: an empty directory, or a file that nobody may
 * open. Before Linux 6.15 a file of a new tmpfs cannot be cloned, because that is in no mount
 * namespace yet. So the file is a device, on a mount that allows none. */
static int new_cover(bool directory) {
    if (directory) {
        return new_tmpfs(1 << 16, "0555", NOTHING_SPECIAL | MOUNT_ATTR_RDONLY);
    }
    int tree =
        (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) {
        return -errno;
    }
    int result = restrict_mount(tree, "", EMPTY_PATH, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL);
    if (result != 0) {
        close(tree);
        return result;
    }
    return tree;
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
    /* First, because a mount may lie below the host's /tmp. */
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
                                       : attach_at(mount->tree, mount->path, mount->directory);
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
            launch->untrusted_link = result == -EMLINK;
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
    umask(022); /* fn_socket_listen set another umask */
    /* Keeps the mounts below out of the host's mount namespace. */
    struct mount_attr alone = {.propagation = PRIVATE};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", RECURSIVE, &alone, sizeof alone) != 0) {
        return -errno;
    }
    const fn_options *options = &launch->options;
    int proc;
    int result = new_proc(options, &proc);
    if (result != 0) {
        launch->proc_refused = options->proc == FN_REQUIRED;
        return result;
    }
    return options->host_root ? enter_host(options, proc) : enter_empty(launch, proc);
}
