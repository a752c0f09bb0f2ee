/* What the files of `fn:fs` and `fn:process` know of each other. */
#ifndef FN_FILES_H
#define FN_FILES_H

#include <limits.h>
#include "node/node.h"

/* Where a path leads, found by walking it: no symbolic link is left in it. The entry `name` of the
 * folder `dir` need not exist. */
typedef struct {
    int dir; /* O_PATH; owned, -1 when there is none */
    char name[NAME_MAX + 1];
    char real[PATH_MAX]; /* absolute, with the name */
    bool exists;
    bool is_link; /* possible only where the last link was not to be followed */
} fn_place;

/* Walks `path` as the kernel would, and checks where it leads against the function's paths. 0 or a
 * negative errno; fn_place_close either way. */
int fn_place_find(fn_worker *worker, const char *path, bool follow, fn_place *place);
/* The same for a program, which may also be one of the system's own. */
int fn_place_find_program(fn_worker *worker, const char *path, fn_place *place);
void fn_place_close(fn_place *place);

/* A path argument, without a NUL inside: an engine's string, or NULL with an exception. */
const char *fn_path_argument(JSContext *ctx, JSValueConst value);
/* Throws an Error as Node makes it: code, errno, syscall, path. Takes a negative errno. */
JSValue fn_throw_errno(JSContext *ctx, int err, const char *call, const char *path);

/* program_paths.c: a program by its path, or by its name in the folders of PATH, which `env` may
 * set. 0 or a negative errno; fn_place_close either way. */
int fn_place_program(fn_worker *worker, const char *file, char **env, fn_place *place);
/* An array of strings as C has them, NULL at its end; NULL with an exception. */
char **fn_words_take(JSContext *ctx, JSValueConst list);
void fn_words_free(char **words);

/* folders.c */
JSValue fn_folder_list(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_folder_make(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_unlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_rmdir(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_rename(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_readlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_realpath(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);

#endif
