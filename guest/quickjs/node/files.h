/* Declarations that the files of `fn:fs` and `fn:process` share. */
#ifndef FN_FILES_H
#define FN_FILES_H

#include <limits.h>
#include "node/node.h"

/* A resolved path without symbolic links. The entry `name` of the directory `dir` need not exist.
 */
typedef struct {
    int dir; /* owned; -1 if there is none */
    char name[NAME_MAX + 1];
    char real[PATH_MAX]; /* absolute, with the name */
    bool exists;
    bool is_link; /* only if the last link was not to be followed */
} fn_place;

/* Resolves `path` as the kernel would, and checks the result against the function's paths. 0 or a
 * negative errno; call fn_place_close either way. */
int fn_place_find(fn_worker *worker, const char *path, bool follow, fn_place *place);
/* The same for a program, which may also be one of the system's. */
int fn_place_find_program(fn_worker *worker, const char *path, fn_place *place);
void fn_place_close(fn_place *place);

/* A path argument without NUL bytes; to be freed with JS_FreeCString. NULL with an exception. */
const char *fn_path_argument(JSContext *ctx, JSValueConst value);
/* Throws an Error as Node does: with code, errno, syscall and path. Takes a negative errno. */
JSValue fn_throw_errno(JSContext *ctx, int err, const char *call, const char *path);

/* child_process_paths.c: finds a program by its path, or by its name in the directories of PATH,
 * which `env` may set. 0 or a negative errno; call fn_place_close either way. */
int fn_place_program(fn_worker *worker, const char *file, char **env, fn_place *place);
/* Converts an array of strings to a NULL-terminated C array; NULL with an exception. */
char **fn_words_take(JSContext *ctx, JSValueConst list);
void fn_words_free(char **words);

/* directories.c */
JSValue fn_directory_list(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_directory_make(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_unlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_rmdir(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_rename(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_readlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_entry_realpath(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);

#endif
