/* Finds the program for a name, and reads its arguments and environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "node/files.h"

#define MAX_WORDS 4096 /* strings in the arguments, and in the environment */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

void fn_words_free(char **words) {
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        free(words[i]);
    }
    free(words);
}

char **fn_words_take(JSContext *ctx, JSValueConst list) {
    int64_t count;
    if (JS_GetLength(ctx, list, &count) < 0) {
        return NULL;
    }
    if (count < 0 || count > MAX_WORDS) {
        JS_ThrowRangeError(ctx, "more than %d arguments or variables", MAX_WORDS);
        return NULL;
    }
    char **words = calloc((size_t)count + 1, sizeof(*words));
    if (words == NULL) {
        JS_ThrowOutOfMemory(ctx);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        JSValue item = JS_GetPropertyInt64(ctx, list, i);
        const char *text = fn_path_argument(ctx, item); /* a string without a NUL */
        JS_FreeValue(ctx, item);
        words[i] = text == NULL ? NULL : strdup(text);
        JS_FreeCString(ctx, text);
        if (words[i] == NULL) {
            fn_words_free(words);
            return text == NULL ? NULL : (JS_ThrowOutOfMemory(ctx), NULL);
        }
    }
    return words;
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
    const char *directories = DEFAULT_PATH;
    for (size_t i = 0; env[i] != NULL; i++) {
        directories = strncmp(env[i], "PATH=", 5) == 0 ? env[i] + 5 : directories;
    }
    int err = UV_ENOENT;
    while (*directories != '\0') {
        size_t len = strcspn(directories, ":");
        char path[PATH_MAX];
        int size = snprintf(path, sizeof(path), "%.*s/%s", (int)len, directories, file);
        if (len > 0 && size > 0 && (size_t)size < sizeof(path)) {
            int found = find_executable(worker, path, place);
            if (found == 0) {
                return 0;
            }
            err = found == UV_EACCES ? found : err;
        }
        directories += len + (directories[len] == ':');
    }
    return err;
}
