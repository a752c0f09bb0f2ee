/* File paths and program names from a tenant: they resolve as the kernel resolves them, and only to
 * what is allowed. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "node/files.h"

#define MOST_TEXT (3 * PATH_MAX)

/* A byte of 128 or more stands for one of these. Otherwise no input would ever name an existing
 * file. */
static const char *const tokens[] = {
    "/",       "..",
    ".",       "a",
    "b",       "link",
    "loop",    "out",
    "up",      "nowhere",
    "way",     "on",
    "far",     "file",
    "root",    "//",
    "../",     "\xc3\xa4",
    "/usr",    "/bin",
    "/sbin",   "sh",
    "env",     "PATH=",
    ":",       "\n",
    "outside", "/usr/bin",
    "missing", NULL /* the allowed directory */,
    NULL,      NULL /* longer than any name */,
};
enum { TOKENS = sizeof(tokens) / sizeof(tokens[0]) };

enum { FOLLOW, NO_FOLLOW, PROGRAM, NAMED_PROGRAM, WAYS };

static const char *root(void) {
    return fn_fuzz_worker()->paths.list[0];
}

/* Returns the length of `text`, which ends with a NUL. */
static size_t expand(const uint8_t *data, size_t len, char text[MOST_TEXT]) {
    size_t end = 0;
    for (size_t i = 0; i < len; i++) {
        char one[2] = {(char)data[i], '\0'};
        char longest[NAME_MAX];
        const char *token = one;
        if (data[i] >= 128) {
            size_t which = data[i] % TOKENS;
            memset(longest, 'x', sizeof(longest) - 1);
            longest[sizeof(longest) - 1] = '\0';
            token = tokens[which] != NULL ? tokens[which] : which == TOKENS - 1 ? longest : root();
        }
        size_t more = data[i] == '\0' ? 1 : strlen(token);
        if (end + more >= MOST_TEXT) {
            break;
        }
        memcpy(text + end, token, more);
        end += more;
    }
    text[end] = '\0';
    return end;
}

static _Noreturn void differ(const char *what, const char *path, const fn_place *place, int err) {
    fprintf(stderr, "paths: %s: '%s' leads to '%s' (%d)\n", what, path, place->real, err);
    abort();
}

static bool inside(const char *path, const char *directory) {
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool allowed(const char *real, bool program) {
    return inside(real, root()) ||
           (program && (inside(real, "/usr") || inside(real, "/bin") || inside(real, "/sbin")));
}

/* Resolves the path with the kernel: 0 and the path, or a negative errno. A slash at the end is
 * ignored. */
static int ask_kernel(const char *path, bool follow, char real[PATH_MAX]) {
    char absolute[MOST_TEXT + 1];
    char name[64];
    size_t len = (size_t)snprintf(absolute, sizeof(absolute), "/%s", path);
    while (len > 1 && absolute[len - 1] == '/') {
        absolute[--len] = '\0';
    }
    int fd = open(absolute, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) {
        return -errno;
    }
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t count = readlink(name, real, PATH_MAX - 1);
    close(fd);
    real[count < 0 ? 0 : count] = '\0';
    return 0;
}

static void check_place(const char *path, bool follow, bool program, fn_worker *worker) {
    fn_place place;
    char real[PATH_MAX];
    int err = program ? fn_place_find_program(worker, path, &place)
                      : fn_place_find(worker, path, follow, &place);
    int kernel = *path == '\0' ? -ENOENT : ask_kernel(path, follow || program, real);
    if (err == 0 && !allowed(place.real, program)) {
        differ("outside of what is allowed", path, &place, err);
    }
    if (err == 0 && place.exists && (kernel != 0 || strcmp(real, place.real) != 0)) {
        differ("not what the kernel resolves", path, &place, kernel);
    }
    if (err == 0 && !place.exists && kernel != -ENOENT) {
        differ("reported as missing", path, &place, kernel);
    }
    /* fn_place_find refuses a path that gets too long while it is resolved; the kernel does not. */
    if (err != 0 && err != -ENAMETOOLONG && kernel == 0 && allowed(real, program)) {
        differ("not found", path, &place, err);
    }
    fn_place_close(&place);
}

static JSValue list_of_lines(JSContext *ctx, const char *text, size_t len) {
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    for (const char *end = text + len; text <= end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((newline != NULL ? newline : end) - text);
        JS_SetPropertyUint32(ctx, list, count++, JS_NewStringLen(ctx, text, size));
        text += size + 1;
    }
    return list;
}

/* The first line is the program, the others are its environment. */
static void check_program(fn_worker *worker, const char *text, size_t len) {
    JSContext *ctx = worker->ctx;
    JSValue list = list_of_lines(ctx, text, len);
    char **words = fn_words_take(ctx, list);
    if (words == NULL) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    } else if (words[0] != NULL) {
        fn_place place;
        struct stat info;
        int err = fn_place_program(worker, words[0], words + 1, &place);
        if (err == 0 && (!allowed(place.real, true) || stat(place.real, &info) != 0 ||
                         !S_ISREG(info.st_mode) || access(place.real, X_OK) != 0)) {
            differ("not a program", words[0], &place, err);
        }
        fn_place_close(&place);
    }
    fn_words_free(words);
    JS_FreeValue(ctx, list);
}

void fn_fuzz_paths(const uint8_t *data, size_t len) {
    char text[MOST_TEXT];
    fn_worker *worker = fn_fuzz_worker();
    if (len == 0) {
        return;
    }
    size_t size = expand(data + 1, len - 1, text);
    int way = data[0] % WAYS;
    if (way == NAMED_PROGRAM) {
        check_program(worker, text, size);
    } else {
        check_place(text, way == FOLLOW, way == PROGRAM, worker);
    }
}
