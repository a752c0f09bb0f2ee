/* The body of a request, or of a fetched response, as the host sends it: a queue of bytes with one
 * reader, which is either a promise for all of it or a stream. */
#include "core/host.h"
#include "web/fetch/body.h"
#include "web/fetch/fetch.h"
#include "web/fetch/host.h"
#include "web/idl/buffer_source.h"

#include <string.h>

#define CREDIT_PART (64 * 1024) /* a quarter of the bytes that the host may have in flight */

typedef struct {
    fn_body_id id;
    bool ended, failed, cancelled;
    bool collecting; /* `resolve` and `reject` wait for the end */
    fn_body_as as;
    uint8_t *bytes;
    size_t start, len, size; /* bytes[start .. start + len) are queued */
    size_t unreported;       /* collected, but not yet reported to the host */
    JSValue error;
    JSValue resolve, reject, type, frames;
    JSValue waiter; /* undefined, or called on the next change */
} host_body;

static JSClassID class_id;

static void finalize(JSRuntime *rt, JSValueConst value) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f != NULL) {
        JS_FreeValueRT(rt, f->error);
        JS_FreeValueRT(rt, f->resolve);
        JS_FreeValueRT(rt, f->reject);
        JS_FreeValueRT(rt, f->type);
        JS_FreeValueRT(rt, f->frames);
        JS_FreeValueRT(rt, f->waiter);
        js_free_rt(rt, f->bytes);
        js_free_rt(rt, f);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f != NULL) {
        JS_MarkValue(rt, f->error, mark_func);
        JS_MarkValue(rt, f->resolve, mark_func);
        JS_MarkValue(rt, f->reject, mark_func);
        JS_MarkValue(rt, f->type, mark_func);
        JS_MarkValue(rt, f->frames, mark_func);
        JS_MarkValue(rt, f->waiter, mark_func);
    }
}

int fn_host_body_init(JSContext *ctx) {
    static const JSClassDef definition = {"HostBody", .finalizer = finalize, .gc_mark = mark};
    JS_NewClassID(JS_GetRuntime(ctx), &class_id);
    return JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
}

JSValue fn_host_body_new(JSContext *ctx, fn_body_id id) {
    JSValue value = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    host_body *f = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*f));
    if (f == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *f = (host_body){.id = id,
                     .error = JS_UNDEFINED,
                     .resolve = JS_UNDEFINED,
                     .reject = JS_UNDEFINED,
                     .type = JS_UNDEFINED,
                     .frames = JS_UNDEFINED,
                     .waiter = JS_UNDEFINED};
    JS_SetOpaque(value, f);
    return value;
}

/* Reports to the host that bytes left the queue. */
static void consumed(JSContext *ctx, const host_body *f, size_t len) {
    if (len > 0) {
        fn_fetch_host->body_consumed(ctx, f->id, len);
    }
}

/* Bytes of a body that is collected whole leave the queue at once, but credit is returned in large
 * parts, since most bodies end before any is needed. */
static void collected(JSContext *ctx, host_body *f, size_t len) {
    f->unreported += len;
    if (f->unreported >= CREDIT_PART) {
        consumed(ctx, f, f->unreported);
        f->unreported = 0;
    }
}

/* Makes room for `len` more bytes and a NUL. */
static int reserve(JSContext *ctx, host_body *f, size_t len) {
    if (f->start > 0 && (f->len == 0 || f->start > f->size / 2)) {
        memmove(f->bytes, f->bytes + f->start, f->len);
        f->start = 0;
    }
    size_t used = f->start + f->len;
    if (len >= SIZE_MAX / 2 - used) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    if (used + len + 1 > f->size) {
        size_t size = f->size < 4096 ? 4096 : f->size;
        while (size < used + len + 1) {
            size += size / 2;
        }
        uint8_t *bytes = js_realloc(ctx, f->bytes, size);
        if (bytes == NULL) {
            return -1;
        }
        f->bytes = bytes;
        f->size = size;
    }
    return 0;
}

/* Throws the error that the host gave, with the frames of the call that reads the body. */
static JSValue throw_failure(JSContext *ctx, const host_body *f, JSValueConst frames) {
    JSValue error = JS_DupValue(ctx, f->error);
    if (JS_SetFrames(ctx, error, frames) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    return JS_Throw(ctx, error);
}

/* Settles the promise for the whole body. Runs as a job, since resolving it may run scripts. */
static JSValue settle(JSContext *ctx, int argc, JSValueConst *argv) {
    (void)argc;
    host_body *f = JS_GetOpaque(argv[0], class_id);
    JSValue value = f->failed ? throw_failure(ctx, f, f->frames) : JS_UNDEFINED;
    if (!f->failed) {
        if (reserve(ctx, f, 0) == 0) {
            f->bytes[f->start + f->len] = '\0';
            value = fn_body_package(ctx, f->as, f->bytes + f->start, f->len, f->type, f->frames);
        } else {
            value = JS_EXCEPTION;
        }
    }
    js_free(ctx, f->bytes);
    f->bytes = NULL;
    f->start = f->len = f->size = 0;
    bool thrown = JS_IsException(value);
    if (thrown) {
        value = JS_GetException(ctx);
        if (JS_IsUncatchableError(value)) {
            return JS_Throw(ctx, value);
        }
    }
    JSValue result =
        JS_Call(ctx, thrown ? f->reject : f->resolve, JS_UNDEFINED, 1, (JSValueConst *)&value);
    JS_FreeValue(ctx, value);
    return result;
}

static JSValue wake(JSContext *ctx, int argc, JSValueConst *argv) {
    (void)argc;
    return JS_Call(ctx, argv[0], JS_UNDEFINED, 0, NULL);
}

/* Notifies the reader of a change. 0, or -1 with an exception. */
static int changed(JSContext *ctx, JSValueConst value, host_body *f) {
    if (f->collecting) {
        if (!f->ended && !f->failed) {
            return 0;
        }
        f->collecting = false;
        return JS_EnqueueJob(ctx, settle, 1, &value);
    }
    if (JS_IsUndefined(f->waiter)) {
        return 0;
    }
    JSValue waiter = f->waiter;
    f->waiter = JS_UNDEFINED;
    int err = JS_EnqueueJob(ctx, wake, 1, (JSValueConst *)&waiter);
    JS_FreeValue(ctx, waiter);
    return err;
}

int fn_host_body_push(JSContext *ctx, JSValueConst value, const uint8_t *bytes, size_t len) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f == NULL || f->ended || f->failed || f->cancelled || len == 0) {
        return 0;
    }
    if (reserve(ctx, f, len) < 0) {
        return -1;
    }
    memcpy(f->bytes + f->start + f->len, bytes, len);
    f->len += len;
    if (f->collecting) {
        collected(ctx, f, len);
    }
    return changed(ctx, value, f);
}

int fn_host_body_end(JSContext *ctx, JSValueConst value) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f == NULL || f->ended || f->failed) {
        return 0;
    }
    f->ended = true;
    return changed(ctx, value, f);
}

int fn_host_body_fail(JSContext *ctx, JSValueConst value, JSValueConst error) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f == NULL || f->ended || f->failed) {
        return 0;
    }
    f->failed = true;
    f->error = JS_DupValue(ctx, error);
    return changed(ctx, value, f);
}

JSValue fn_host_body_consume(JSContext *ctx, JSValueConst value, fn_body_as as, JSValueConst type,
                             JSValueConst frames) {
    host_body *f = JS_GetOpaque(value, class_id);
    if (f->failed) {
        return throw_failure(ctx, f, frames); /* the caller turns it into a rejection */
    }
    JSValue functions[2];
    JSValue promise = JS_NewPromiseCapability(ctx, functions);
    if (JS_IsException(promise)) {
        return promise;
    }
    f->resolve = functions[0];
    f->reject = functions[1];
    f->type = JS_DupValue(ctx, type);
    f->frames = JS_DupValue(ctx, frames);
    f->as = as;
    f->collecting = true;
    collected(ctx, f, f->len);
    if (changed(ctx, value, f) < 0) {
        JS_FreeValue(ctx, promise);
        return JS_EXCEPTION;
    }
    return promise;
}

/* ---- for JS: reads the body chunk by chunk */

/* The result of a read when there are no bytes. */
static JSValue without_bytes(JSContext *ctx, const host_body *f) {
    if (f->failed) {
        return JS_Throw(ctx, JS_DupValue(ctx, f->error));
    }
    return f->ended ? JS_NULL : JS_UNDEFINED;
}

JSValue fn_host_body_read(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    host_body *f = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (f->len == 0) {
        return without_bytes(ctx, f);
    }
    JSValue array = fn_uint8_array(ctx, f->bytes + f->start, f->len);
    if (!JS_IsException(array)) {
        size_t len = f->len;
        f->start = f->len = 0;
        consumed(ctx, f, len);
    }
    return array;
}

/* (host_body, stream_source): passes the queued bytes to the response that the source belongs to.
 * The result is as for hostBodyRead. */
JSValue fn_host_body_forward(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    host_body *f = argc < 2 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (f->len == 0) {
        return without_bytes(ctx, f);
    }
    /* The source may ask for more before it returns, so these bytes leave the queue first. */
    uint8_t *bytes = f->bytes;
    size_t start = f->start, len = f->len, size = f->size;
    f->bytes = NULL;
    f->start = f->len = f->size = 0;
    fn_stream_source_bytes(ctx, argv[1], bytes + start, len);
    consumed(ctx, f, len);
    if (f->bytes == NULL) {
        f->bytes = bytes;
        f->size = size;
    } else {
        js_free(ctx, bytes);
    }
    return JS_TRUE;
}

JSValue fn_host_body_wait(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    host_body *f = argc < 2 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    JS_FreeValue(ctx, f->waiter);
    f->waiter = JS_DupValue(ctx, argv[1]);
    if ((f->len > 0 || f->ended || f->failed) && changed(ctx, argv[0], f) < 0) {
        return JS_EXCEPTION;
    }
    return JS_UNDEFINED;
}

JSValue fn_host_body_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    host_body *f = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (f == NULL) {
        return JS_EXCEPTION;
    }
    if (!f->cancelled) {
        size_t len = f->len;
        bool open = !f->ended && !f->failed;
        f->cancelled = true;
        f->start = f->len = 0;
        consumed(ctx, f, len);
        if (open) {
            fn_fetch_host->body_cancelled(ctx, f->id);
        }
    }
    return JS_UNDEFINED;
}
