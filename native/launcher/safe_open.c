/* The way to what is mounted. A worker may write into one of its folders, and another worker's
 * folder may lie below: a link that the first put there must not lead the launcher, which sees the
 * whole host, to the folder of somebody else. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "launcher/launcher.h"

#define MAX_LINKS 40 /* as the kernel's own walk */

/* What is left of a way; the part before it is open already. */
typedef struct {
    int at;
    char rest[PATH_MAX];
} fn_way;

static int begin_at_root(fn_way *way) {
    if (way->at >= 0) {
        close(way->at);
    }
    way->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return way->at < 0 ? -errno : 0;
}

/* Takes the first name off the rest; empty at the end. */
static int next_name(fn_way *way, char name[NAME_MAX + 1]) {
    const char *start = way->rest + strspn(way->rest, "/");
    size_t len = strcspn(start, "/");
    if (len > NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(name, start, len);
    name[len] = '\0';
    memmove(way->rest, start + len, strlen(start + len) + 1);
    return 0;
}

/* Puts where a link leads in front of the rest. */
static int follow(fn_way *way, int link) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(link, "", target, sizeof target);
    if (len < 0) {
        return -errno;
    }
    size_t rest = strlen(way->rest);
    if ((size_t)len + 1 + rest >= sizeof way->rest) {
        return -ENAMETOOLONG;
    }
    memmove(way->rest + len + 1, way->rest, rest + 1);
    memcpy(way->rest, target, (size_t)len);
    way->rest[len] = '/';
    return len > 0 && target[0] == '/' ? begin_at_root(way) : 0;
}

/* For the operator: which link it is, and what to do. */
static void tell_foreign(int link, uid_t owner) {
    char self[32];
    char path[PATH_MAX];
    snprintf(self, sizeof self, "/proc/self/fd/%d", link);
    ssize_t len = readlink(self, path, sizeof path);
    fprintf(
        stderr,
        "functions-launcher: the link %.*s is not followed: it belongs to the workers' user %u, "
        "so a function may have made it; remove it, or make the owner of it another user "
        "(chown -h)\n",
        len < 0 ? 0 : (int)len, path, (unsigned)owner);
}

/* One step: into the folder or file of that name, or along its link. */
static int step(fn_way *way, const char *name, uid_t stranger, unsigned *links) {
    int fd = openat(way->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    if (!S_ISLNK(info.st_mode)) {
        close(way->at);
        way->at = fd;
        return 0;
    }
    int error;
    if (info.st_uid == stranger) {
        tell_foreign(fd, stranger);
        error = -EMLINK;
    } else {
        error = ++*links > MAX_LINKS ? -ELOOP : follow(way, fd);
    }
    close(fd);
    return error;
}

int fn_open_way(const char *path, uid_t stranger) {
    fn_way way = {.at = -1};
    size_t len = strlen(path);
    if (len >= sizeof way.rest) {
        return -ENAMETOOLONG;
    }
    memcpy(way.rest, path, len + 1);
    unsigned links = 0;
    char name[NAME_MAX + 1];
    int error = begin_at_root(&way);
    while (error == 0 && (error = next_name(&way, name)) == 0 && name[0] != '\0') {
        error = step(&way, name, stranger, &links);
    }
    if (error != 0 && way.at >= 0) {
        close(way.at);
    }
    return error != 0 ? error : way.at;
}
