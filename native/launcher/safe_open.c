/* Opens a path that untrusted users may have changed. A worker can write to some directories below
 * the allowed paths. A symbolic link that it creates there must not lead the launcher, which sees
 * the whole host, to another worker's directory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launcher/launcher.h"

#define MAX_LINKS 40 /* the kernel's own limit */

/* The walk along a path: the directory that is open, and the rest of the path. */
typedef struct {
    int at;
    char rest[PATH_MAX];
} fn_walk;

static int begin_at_root(fn_walk *walk) {
    if (walk->at >= 0) {
        close(walk->at);
    }
    walk->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return walk->at < 0 ? -errno : 0;
}

/* Removes the first name from the rest; `name` is empty at the end of the path. */
static int next_name(fn_walk *walk, char name[NAME_MAX + 1]) {
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(start, "/");
    if (len > NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(name, start, len);
    name[len] = '\0';
    memmove(walk->rest, start + len, strlen(start + len) + 1);
    return 0;
}

/* Puts the target of a link in front of the rest. */
static int follow(fn_walk *walk, int link) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(link, "", target, sizeof target);
    if (len < 0) {
        return -errno;
    }
    size_t rest = strlen(walk->rest);
    if ((size_t)len + 1 + rest >= sizeof walk->rest) {
        return -ENAMETOOLONG;
    }
    memmove(walk->rest + len + 1, walk->rest, rest + 1);
    memcpy(walk->rest, target, (size_t)len);
    walk->rest[len] = '/';
    return len > 0 && target[0] == '/' ? begin_at_root(walk) : 0;
}

/* Tells the operator which link it is and what to do. */
static void report_untrusted_link(int link, uid_t owner) {
    char self[32];
    char path[PATH_MAX];
    snprintf(self, sizeof self, "/proc/self/fd/%d", link);
    ssize_t len = readlink(self, path, sizeof path);
    fprintf(
        stderr,
        "functions-launcher: the link %.*s is not followed: it belongs to the workers' user %u, "
        "so a function may have created it; remove it, or change its owner with chown -h\n",
        len < 0 ? 0 : (int)len, path, (unsigned)owner);
}

/* Takes one step: into the directory or file of that name, or to the target of the link. */
static int step(fn_walk *walk, const char *name, uid_t untrusted_uid, unsigned *links) {
    int fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    if (!S_ISLNK(info.st_mode)) {
        close(walk->at);
        walk->at = fd;
        return 0;
    }
    int error;
    if (info.st_uid == untrusted_uid) {
        report_untrusted_link(fd, untrusted_uid);
        error = -EMLINK;
    } else {
        error = ++*links > MAX_LINKS ? -ELOOP : follow(walk, fd);
    }
    close(fd);
    return error;
}

int fn_open_untrusted_path(const char *path, uid_t untrusted_uid) {
    fn_walk walk = {.at = -1};
    size_t len = strlen(path);
    if (len >= sizeof walk.rest) {
        return -ENAMETOOLONG;
    }
    memcpy(walk.rest, path, len + 1);
    unsigned links = 0;
    char name[NAME_MAX + 1];
    int error = begin_at_root(&walk);
    while (error == 0 && (error = next_name(&walk, name)) == 0 && name[0] != '\0') {
        error = step(&walk, name, untrusted_uid, &links);
    }
    if (error != 0 && walk.at >= 0) {
        close(walk.at);
    }
    return error != 0 ? error : walk.at;
}
