/* `fn:fs`: the operations on directory entries. */
#include "node/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Entries of one directory: more would not fit into a worker's memory several times. */
#define MAX_ENTRIES 100000

static const char *kind_of(unsigned char type) {
    return type == DT_DIR ? "d" : type == DT_REG ? "f" : type == DT_LNK ? "l" : "?";
}

/* [name, kind, name, kind, ...] */
static JSValue list_entries(JSContext *ctx, DIR *directory, int *err) {
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    struct dirent *entry;
    while (*err == 0 && !JS_IsException(list) && (errno = 0, entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (count >= 2 * MAX_ENTRIES) {
            *err = UV_EFBIG;
        } else if (JS_SetPropertyUint32(ctx, list, count, JS_NewString(ctx, entry->d_name)) < 0 ||
                   JS_SetPropertyUint32(ctx, list, count + 1,
                                        JS_NewString(ctx, kind_of(entry->d_type))) < 0) {
            JS_FreeValue(ctx, list);
            return JS_EXCEPTION;
        }
        count += 2;
    }
    *err = *err != 0 ? *err : -errno;
    return list;
}

JSValue fn_directory_list(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    const char *path = fn_path_argument(ctx, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    DIR *directory = NULL;
    int err = fn_place_find(fn_worker_of(ctx), path, true, &place);
    if (err == 0) {
        int fd = openat(place.dir, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        directory = fd < 0 ? NULL : fdopendir(fd);
        err = directory == NULL ? -errno : 0;
        if (directory == NULL && fd >= 0) {
            close(fd);
        }
    }
    fn_place_close(&place);
    JSValue list = err == 0 ? list_entries(ctx, directory, &err) : JS_UNDEFINED;
    if (directory != NULL) {
        closedir(directory);
    }
    if (err != 0 && !JS_IsException(list)) {
        JS_FreeValue(ctx, list);
        list = fn_throw_errno(ctx, err, "scandir", path);
    }
    JS_FreeCString(ctx, path);
    return list;
}

typedef int fn_entry_call(const fn_place *place, int mode);

static int make_directory(const fn_place *place, int mode) {
    return mkdirat(place->dir, place->name, (mode_t)mode & 0777);
}

static int unlink_entry(const fn_place *place, int mode) {
    (void)mode;
    return unlinkat(place->dir, place->name, 0);
}

static int remove_directory(const fn_place *place, int mode) {
    (void)mode;
    return unlinkat(place->dir, place->name, AT_REMOVEDIR);
}

/* Finds the entry itself, even if it is a link, and applies one operation to it. */
static JSValue on_entry(JSContext *ctx, JSValueConst argument, const char *name,
                        fn_entry_call *call, int mode) {
    const char *path = fn_path_argument(ctx, argument);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    int err = fn_place_find(fn_worker_of(ctx), path, false, &place);
    if (err == 0 && call(&place, mode) != 0) {
        err = -errno;
    }
    fn_place_close(&place);
    JSValue result = err == 0 ? JS_UNDEFINED : fn_throw_errno(ctx, err, name, path);
    JS_FreeCString(ctx, path);
    return result;
}

JSValue fn_directory_make(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    int32_t mode;
    return JS_ToInt32(ctx, &mode, argv[1]) < 0
               ? JS_EXCEPTION
               : on_entry(ctx, argv[0], "mkdir", make_directory, mode);
}

JSValue fn_entry_unlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    return on_entry(ctx, argv[0], "unlink", unlink_entry, 0);
}

JSValue fn_entry_rmdir(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    return on_entry(ctx, argv[0], "rmdir", remove_directory, 0);
}

JSValue fn_entry_rename(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    fn_worker *worker = fn_worker_of(ctx);
    const char *from = fn_path_argument(ctx, argv[0]);
    const char *to = from == NULL ? NULL : fn_path_argument(ctx, argv[1]);
    if (to == NULL) {
        JS_FreeCString(ctx, from);
        return JS_EXCEPTION;
    }
    fn_place source, target;
    int err = fn_place_find(worker, from, false, &source);
    const char *failed = err != 0 ? from : to;
    int target_err = fn_place_find(worker, to, false, &target);
    err = err != 0 ? err : target_err;
    if (err == 0 && renameat(source.dir, source.name, target.dir, target.name) != 0) {
        err = -errno;
        failed = from;
    }
    fn_place_close(&source);
    fn_place_close(&target);
    JSValue result = err == 0 ? JS_UNDEFINED : fn_throw_errno(ctx, err, "rename", failed);
    JS_FreeCString(ctx, from);
    JS_FreeCString(ctx, to);
    return result;
}

JSValue fn_entry_readlink(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    const char *path = fn_path_argument(ctx, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    char target[PATH_MAX];
    ssize_t len = 0;
    int err = fn_place_find(fn_worker_of(ctx), path, false, &place);
    if (err == 0) {
        len = readlinkat(place.dir, place.name, target, sizeof(target));
        err = len < 0 ? -errno : 0;
    }
    fn_place_close(&place);
    JSValue result = err == 0 ? JS_NewStringLen(ctx, target, (size_t)len)
                              : fn_throw_errno(ctx, err, "readlink", path);
    JS_FreeCString(ctx, path);
    return result;
}

JSValue fn_entry_realpath(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    const char *path = fn_path_argument(ctx, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    int err = fn_place_find(fn_worker_of(ctx), path, true, &place);
    err = err == 0 && !place.exists ? UV_ENOENT : err;
    fn_place_close(&place);
    JSValue result =
        err == 0 ? JS_NewString(ctx, place.real) : fn_throw_errno(ctx, err, "realpath", path);
    JS_FreeCString(ctx, path);
    return result;
}
