/* `fn:fs`: the operations on open files. Calls are synchronous: a thread pool would need threads,
 * which a worker's filter does not allow, and a call on a regular file never waits for another
 * process. A file is an object: a tenant never passes a descriptor. */
#include "node/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static JSClassID file_class;

static void finalize(JSRuntime *rt, JSValueConst value) {
    (void)rt;
    int fd = (int)(intptr_t)JS_GetOpaque(value, file_class);
    if (fd > 0) {
        close(fd);
    }
}

int fn_files_init(fn_worker *worker) {
    static const JSClassDef definition = {"File", .finalizer = finalize};
    JS_NewClassID(worker->rt, &file_class);
    return JS_NewClass(worker->rt, file_class, &definition);
}

const char *fn_path_argument(JSContext *ctx, JSValueConst value) {
    size_t len;
    const char *path = JS_IsString(value) ? JS_ToCStringLen(ctx, &len, value) : NULL;
    if (path == NULL) {
        if (!JS_IsString(value)) {
            JS_ThrowTypeError(ctx, "a path must be a string");
        }
        return NULL;
    }
    if (strlen(path) != len) {
        JS_FreeCString(ctx, path);
        JS_ThrowTypeError(ctx, "a path must not contain null bytes");
        return NULL;
    }
    return path;
}

JSValue fn_throw_errno(JSContext *ctx, int err, const char *call, const char *path) {
    char message[PATH_MAX + 256];
    const char *why = err == -EACCES ? "permission denied, or not a path of the function's profile"
                                     : uv_strerror(err);
    snprintf(message, sizeof(message), path == NULL ? "%s: %s, %s" : "%s: %s, %s '%s'",
             uv_err_name(err), why, call, path);
    JSValue error = JS_NewError(ctx);
    if (JS_IsException(error)) {
        return error;
    }
    int flags = JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE;
    JS_DefinePropertyValueStr(ctx, error, "message", JS_NewString(ctx, message), flags);
    flags |= JS_PROP_ENUMERABLE;
    JS_DefinePropertyValueStr(ctx, error, "errno", JS_NewInt32(ctx, err), flags);
    JS_DefinePropertyValueStr(ctx, error, "code", JS_NewString(ctx, uv_err_name(err)), flags);
    JS_DefinePropertyValueStr(ctx, error, "syscall", JS_NewString(ctx, call), flags);
    if (path != NULL) {
        JS_DefinePropertyValueStr(ctx, error, "path", JS_NewString(ctx, path), flags);
    }
    return JS_Throw(ctx, error);
}

static int fd_of(JSContext *ctx, JSValueConst value, const char *call) {
    if (JS_GetClassID(value) != file_class) {
        JS_ThrowTypeError(ctx, "not a file");
        return -1;
    }
    int fd = (int)(intptr_t)JS_GetOpaque(value, file_class);
    if (fd <= 0) {
        fn_throw_errno(ctx, UV_EBADF, call, NULL);
        return -1;
    }
    return fd;
}

/* `r`, `w+`, `ax` and so on; -1 if it is invalid. */
static int flags_of(const char *text) {
    int flags = 0;
    bool plus = strchr(text, '+') != NULL;
    bool exclusive = strchr(text, 'x') != NULL;
    if (strspn(text + (*text != '\0'), "+xs") != strlen(text + (*text != '\0'))) {
        return -1;
    }
    switch (*text) {
    case 'r':
        return exclusive ? -1 : plus ? O_RDWR : O_RDONLY;
    case 'w':
        flags = O_CREAT | O_TRUNC;
        break;
    case 'a':
        flags = O_CREAT | O_APPEND;
        break;
    default:
        return -1;
    }
    return flags | (plus ? O_RDWR : O_WRONLY) | (exclusive ? O_EXCL : 0);
}

/* Only regular files: a pipe would block the worker, and a device may do anything. */
static int open_regular(const fn_place *place, int flags, mode_t mode) {
    int fd = openat(place->dir, place->name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                    mode);
    struct stat info;
    if (fd < 0) {
        return -errno;
    }
    int err = fstat(fd, &info) != 0   ? -errno
              : S_ISDIR(info.st_mode) ? UV_EISDIR
              : S_ISREG(info.st_mode) ? 0
                                      : UV_ENXIO;
    if (err != 0) {
        close(fd);
        return err;
    }
    return fd;
}

/* (path, flags, mode) */
static JSValue open_file(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    int32_t mode;
    const char *how = JS_ToCString(ctx, argv[1]);
    int flags = how == NULL ? -1 : flags_of(how);
    JS_FreeCString(ctx, how);
    if (how == NULL || JS_ToInt32(ctx, &mode, argv[2]) < 0) {
        return JS_EXCEPTION;
    }
    if (flags < 0) {
        return JS_ThrowTypeError(ctx, "flags of open: r, r+, w, w+, a, a+, or these with x");
    }
    const char *path = fn_path_argument(ctx, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    int fd = fn_place_find(fn_worker_of(ctx), path, true, &place);
    fd = fd != 0 ? fd : open_regular(&place, flags, (mode_t)mode & 0777);
    fn_place_close(&place);
    JSValue file = fd < 0 ? fn_throw_errno(ctx, fd, "open", path)
                          : JS_NewObjectProtoClass(ctx, JS_NULL, file_class);
    JS_FreeCString(ctx, path);
    if (fd >= 0 && JS_IsException(file)) {
        close(fd);
    } else if (fd >= 0) {
        JS_SetOpaque(file, (void *)(intptr_t)fd);
    }
    return file;
}

static JSValue close_file(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    int fd = fd_of(ctx, argv[0], "close");
    if (fd < 0) {
        return JS_EXCEPTION;
    }
    JS_SetOpaque(argv[0], NULL);
    return close(fd) == 0 ? JS_UNDEFINED : fn_throw_errno(ctx, -errno, "close", NULL);
}

enum { READ, WRITE };

/* (file, bytes, position): the number of bytes; a negative position means the file's own. */
static JSValue transfer(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                        int which) {
    (void)this_value;
    (void)argc;
    const char *call = which == READ ? "read" : "write";
    int64_t position;
    if (JS_ToInt64(ctx, &position, argv[2]) < 0) {
        return JS_EXCEPTION;
    }
    /* Last, because JS that runs before may close the file or shrink the buffer. */
    size_t len;
    uint8_t *bytes = JS_GetUint8Array(ctx, &len, argv[1]);
    int fd = bytes == NULL && len != 0 ? -1 : fd_of(ctx, argv[0], call);
    if (fd < 0) {
        return JS_EXCEPTION;
    }
    ssize_t count;
    do {
        count = which == READ
                    ? position < 0 ? read(fd, bytes, len) : pread(fd, bytes, len, position)
                : position < 0 ? write(fd, bytes, len)
                               : pwrite(fd, bytes, len, position);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? fn_throw_errno(ctx, -errno, call, NULL) : JS_NewInt64(ctx, count);
}

static JSValue stat_values(JSContext *ctx, const struct stat *info) {
    const double values[] = {
        (double)info->st_dev,
        info->st_mode,
        (double)info->st_nlink,
        info->st_uid,
        info->st_gid,
        (double)info->st_rdev,
        (double)info->st_blksize,
        (double)info->st_ino,
        (double)info->st_size,
        (double)info->st_blocks,
        (double)info->st_atim.tv_sec * 1e3 + (double)info->st_atim.tv_nsec / 1e6,
        (double)info->st_mtim.tv_sec * 1e3 + (double)info->st_mtim.tv_nsec / 1e6,
        (double)info->st_ctim.tv_sec * 1e3 + (double)info->st_ctim.tv_nsec / 1e6};
    enum { COUNT = sizeof(values) / sizeof(values[0]) };
    JSValue numbers[COUNT];
    for (int i = 0; i < COUNT; i++) {
        numbers[i] = JS_NewFloat64(ctx, values[i]);
    }
    return JS_NewArrayFrom(ctx, COUNT, numbers);
}

/* (file) */
static JSValue stat_file(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    struct stat info;
    int fd = fd_of(ctx, argv[0], "fstat");
    if (fd < 0) {
        return JS_EXCEPTION;
    }
    return fstat(fd, &info) == 0 ? stat_values(ctx, &info)
                                 : fn_throw_errno(ctx, -errno, "fstat", NULL);
}

/* (path, follow) */
static JSValue stat_path(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv) {
    (void)this_value;
    (void)argc;
    bool follow = JS_ToBool(ctx, argv[1]) > 0;
    const char *path = fn_path_argument(ctx, argv[0]);
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fn_place place;
    struct stat info;
    int err = fn_place_find(fn_worker_of(ctx), path, follow, &place);
    if (err == 0 && fstatat(place.dir, place.name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        err = -errno;
    }
    fn_place_close(&place);
    JSValue result = err == 0 ? stat_values(ctx, &info)
                              : fn_throw_errno(ctx, err, follow ? "stat" : "lstat", path);
    JS_FreeCString(ctx, path);
    return result;
}

enum { TRUNCATE, SYNC, DATASYNC };

/* (file, length?) */
static JSValue change_file(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                           int which) {
    static const char *const calls[] = {"ftruncate", "fsync", "fdatasync"};
    (void)this_value;
    int64_t len = 0;
    if (which == TRUNCATE && argc > 1 && JS_ToInt64(ctx, &len, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    int fd = fd_of(ctx, argv[0], calls[which]);
    if (fd < 0) {
        return JS_EXCEPTION;
    }
    int failed = which == TRUNCATE ? ftruncate(fd, len) : which == SYNC ? fsync(fd) : fdatasync(fd);
    return failed ? fn_throw_errno(ctx, -errno, calls[which], NULL) : JS_UNDEFINED;
}

const JSCFunctionListEntry fn_file_functions[] = {
    JS_CFUNC_DEF("open", 3, open_file),
    JS_CFUNC_DEF("close", 1, close_file),
    JS_CFUNC_MAGIC_DEF("read", 3, transfer, READ),
    JS_CFUNC_MAGIC_DEF("write", 3, transfer, WRITE),
    JS_CFUNC_DEF("stat", 2, stat_path),
    JS_CFUNC_DEF("fstat", 1, stat_file),
    JS_CFUNC_MAGIC_DEF("truncate", 2, change_file, TRUNCATE),
    JS_CFUNC_MAGIC_DEF("sync", 1, change_file, SYNC),
    JS_CFUNC_MAGIC_DEF("datasync", 1, change_file, DATASYNC),
    JS_CFUNC_DEF("readdir", 1, fn_directory_list),
    JS_CFUNC_DEF("mkdir", 2, fn_directory_make),
    JS_CFUNC_DEF("unlink", 1, fn_entry_unlink),
    JS_CFUNC_DEF("rmdir", 1, fn_entry_rmdir),
    JS_CFUNC_DEF("rename", 2, fn_entry_rename),
    JS_CFUNC_DEF("readlink", 1, fn_entry_readlink),
    JS_CFUNC_DEF("realpath", 1, fn_entry_realpath),
};
const int fn_file_function_count = sizeof(fn_file_functions) / sizeof(fn_file_functions[0]);
