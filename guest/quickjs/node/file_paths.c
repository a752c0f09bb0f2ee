/* Resolves a path. It is walked name by name: each is opened relative to the directory opened
 * before, and never through a link. So the result is what the walk's own path says, even if
 * something is renamed meanwhile, and that path is compared with the allowed ones. The call that
 * follows names one entry of the last directory, and follows no link either. No /proc is needed. */
#include "node/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40
#define DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

typedef struct {
    int dir;
    size_t len;          /* of `real`: "" is the root */
    char real[PATH_MAX]; /* of `dir` */
    char rest[PATH_MAX]; /* the rest of the path */
    int links;
} fn_walk;

static int restart(fn_walk *walk) {
    int fd = open("/", DIRECTORY);
    if (fd < 0) {
        return -errno;
    }
    if (walk->dir >= 0) {
        close(walk->dir);
    }
    walk->dir = fd;
    walk->real[walk->len = 0] = '\0';
    return 0;
}

static int descend(fn_walk *walk, const char *name, int fd) {
    size_t len = strlen(name);
    if (len + 1 >= sizeof(walk->real) - walk->len) {
        close(fd);
        return -ENAMETOOLONG;
    }
    close(walk->dir);
    walk->dir = fd;
    walk->real[walk->len] = '/';
    memcpy(walk->real + walk->len + 1, name, len + 1);
    walk->len += len + 1;
    return 0;
}

/* Goes to the parent directory, from the root down: the `..` of an open directory may have been
 * moved away from what the path says. */
static int ascend(fn_walk *walk) {
    char path[PATH_MAX];
    char *slash = strrchr(walk->real, '/');
    if (slash == NULL) {
        return 0;
    }
    *slash = '\0';
    memcpy(path, walk->real, (size_t)(slash - walk->real) + 1);
    int err = restart(walk);
    char *save = NULL;
    for (char *name = strtok_r(path, "/", &save); err == 0 && name != NULL;
         name = strtok_r(NULL, "/", &save)) {
        int fd = openat(walk->dir, name, DIRECTORY);
        err = fd < 0 ? -errno : descend(walk, name, fd);
    }
    return err;
}

/* Removes the next name from `rest`: 1, 0 if there is none, or a negative errno. */
static int next_name(fn_walk *walk, char name[NAME_MAX + 1], bool *last) {
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(start, "/");
    if (len > NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(name, start, len);
    name[len] = '\0';
    const char *rest = start + len;
    *last = *rest == '\0';
    memmove(walk->rest, rest, strlen(rest) + 1);
    return len > 0;
}

/* Puts the target of the link in front of the rest. */
static int follow_link(fn_walk *walk, int link) {
    char target[PATH_MAX];
    if (++walk->links > MAX_LINKS) {
        return -ELOOP;
    }
    ssize_t len = readlinkat(link, "", target, sizeof(target));
    if (len <= 0) {
        return len < 0 ? -errno : -ENOENT;
    }
    size_t rest = strlen(walk->rest);
    if ((size_t)len + rest >= sizeof(walk->rest)) {
        return -ENAMETOOLONG;
    }
    memmove(walk->rest + len, walk->rest, rest + 1);
    memcpy(walk->rest, target, (size_t)len);
    return target[0] == '/' ? restart(walk) : 0;
}

/* Records the next path for the check, which also runs for a failed walk: what lies outside of the
 * allowed paths must not even be seen to exist. */
static int note(const fn_walk *walk, const char *name, fn_place *place) {
    int len = snprintf(place->real, sizeof(place->real), "%s/%s", walk->real, name);
    if (len < 0 || (size_t)len >= sizeof(place->real)) {
        return -ENAMETOOLONG;
    }
    memcpy(place->name, name, strlen(name) + 1);
    return 0;
}

/* Walks one name further: 1 at the end, 0, or a negative errno. */
static int step(fn_walk *walk, bool follow, fn_place *place) {
    char name[NAME_MAX + 1];
    bool last;
    int has = next_name(walk, name, &last);
    if (has <= 0) {
        /* The root, or a path that ends in a slash or a dot: the directory itself. */
        place->exists = has == 0;
        memcpy(place->name, ".", 2);
        memcpy(place->real, walk->len > 0 ? walk->real : "/", walk->len > 0 ? walk->len + 1 : 2);
        return has < 0 ? has : 1;
    }
    if (strcmp(name, ".") == 0) {
        return 0;
    }
    if (strcmp(name, "..") == 0) {
        return ascend(walk);
    }
    int err = note(walk, name, place);
    if (err != 0) {
        return err;
    }
    int fd = openat(walk->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT && last ? 1 : -errno;
    }
    struct stat info;
    err = fstat(fd, &info) == 0 ? 0 : -errno;
    if (err == 0 && S_ISLNK(info.st_mode) && (!last || follow)) {
        err = follow_link(walk, fd);
    } else if (err == 0 && last) {
        place->exists = true;
        place->is_link = S_ISLNK(info.st_mode);
        err = 1;
    } else if (err == 0) {
        return S_ISDIR(info.st_mode) ? descend(walk, name, fd) : (close(fd), -ENOTDIR);
    }
    close(fd);
    return err;
}

static int walk_path(const char *path, bool follow, fn_place *place) {
    fn_walk walk;
    walk.dir = -1;
    walk.links = 0;
    place->dir = -1;
    place->exists = place->is_link = false;
    memcpy(place->real, "/", 2);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0 || len >= sizeof(walk.rest)) {
        return len == 0 ? -ENOENT : -ENAMETOOLONG;
    }
    memcpy(walk.rest, path, len);
    walk.rest[len] = '\0';
    int err = restart(&walk);
    while (err == 0) {
        err = step(&walk, follow, place);
    }
    place->dir = walk.dir;
    return err < 0 ? err : 0;
}

void fn_place_close(fn_place *place) {
    if (place->dir >= 0) {
        close(place->dir);
    }
    place->dir = -1;
}

static bool lies_inside(const char *path, const char *root) {
    size_t len = strlen(root);
    if (len == 1) {
        return true; /* the root itself */
    }
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Whether it is allowed: 1, 0, or a negative errno if the system refuses to say. An allowed path
 * may contain links; one that leads nowhere allows nothing. */
static int is_allowed(const fn_worker *worker, const char *path) {
    const fn_paths *paths = &worker->paths;
    int allowed = paths->count == 0;
    for (size_t i = 0; allowed == 0 && i < paths->count; i++) {
        fn_place root;
        int err = walk_path(paths->list[i], true, &root);
        if (err == -EMFILE || err == -ENFILE || err == -ENOMEM) {
            allowed = err;
        } else {
            allowed = err == 0 && root.exists && lies_inside(path, root.real);
        }
        fn_place_close(&root);
    }
    return allowed;
}

/* The system's programs: a function that may start any program may start these. */
static bool is_system_program(const char *path) {
    return lies_inside(path, "/usr") || lies_inside(path, "/bin") || lies_inside(path, "/sbin");
}

static int find(fn_worker *worker, const char *path, bool follow, bool program, fn_place *place) {
    int err = walk_path(path, follow, place);
    int allowed = program && is_system_program(place->real) ? 1 : is_allowed(worker, place->real);
    if (allowed > 0) {
        return err;
    }
    if (allowed < 0 || err == -EMFILE || err == -ENFILE) {
        return allowed < 0 ? allowed : err; /* does not reveal what exists */
    }
    return -EACCES;
}

int fn_place_find(fn_worker *worker, const char *path, bool follow, fn_place *place) {
    return find(worker, path, follow, false, place);
}

int fn_place_find_program(fn_worker *worker, const char *path, fn_place *place) {
    return find(worker, path, true, true, place);
}
