/* Which program a name means, and the words that it is started with. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "files.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

void fn_words_free(char **words) {
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        free(words[i]);
    }
    free(words);
}

static int find_executable(fn_worker *worker, const char *path, fn_place *place) {
    struct stat info;
    int err = fn_place_find_program(worker, path, place);
    if (err == 0 &&
        (!place->exists || fstatat(place->dir, place->name, &info, AT_SYMLINK_NOFOLLOW) != 0)) {
        err = UV_ENOENT;
    }
    if (err == 0 && (!S_ISREG(info.st_mode) || faccessat(place->dir, place->name, X_OK, 0) != 0)) {
        err = UV_EACCES;
    }
    if (err != 0) {
        fn_place_close(place);
    }
    return err;
}

int fn_place_program(fn_worker *worker, const char *file, char **env, fn_place *place) {
    place->dir = -1;
    if (strchr(file, '/') != NULL || *file == '\0') {
        return find_executable(worker, file, place);
    }
    const char *folders = DEFAULT_PATH;
    for (size_t i = 0; env[i] != NULL; i++) {
        folders = strncmp(env[i], "PATH=", 5) == 0 ? env[i] + 5 : folders;
    }
    int err = UV_ENOENT;
    while (*folders != '\0') {
        size_t len = strcspn(folders, ":");
        char path[PATH_MAX];
        int size = snprintf(path, sizeof(path), "%.*s/%s", (int)len, folders, file);
        if (len > 0 && size > 0 && (size_t)size < sizeof(path)) {
            int found = find_executable(worker, path, place);
            if (found == 0) {
                return 0;
            }
            err = found == UV_EACCES ? found : err;
        }
        folders += len + (folders[len] == ':');
    }
    return err;
}
