/* Reads a body's stream for the host, chunk by chunk. */
#include "core/host.h"
#include "web/fetch/body.h"
#include "web/fetch/fetch.h"
#include "web/fetch/host.h"
#include "web/idl/buffer_source.h"
#include "web/idl/builtin_loader.h"

static JSClassID class_id;

typedef struct {
    JSValue stream;
    JSValue reader; /* undefined until the first read */
    fn_body_id id;
    bool waiting; /* a read is pending */
} stream_source;

static void finalize(JSRuntime *rt, JSValueConst value) {
    stream_source *p = JS_GetOpaque(value, class_id);
    if (p != NULL) {
        JS_FreeValueRT(rt, p->stream);
        JS_FreeValueRT(rt, p->reader);
        js_free_rt(rt, p);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    stream_source *p = JS_GetOpaque(value, class_id);
    if (p != NULL) {
        JS_MarkValue(rt, p->stream, mark_func);
        JS_MarkValue(rt, p->reader, mark_func);
    }
}

int fn_stream_source_init(JSContext *ctx) {
    static const JSClassDef definition = {"StreamSource", .finalizer = finalize, .gc_mark = mark};
    JS_NewClassID(JS_GetRuntime(ctx), &class_id);
    return JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
}

JSValue fn_stream_source_new(JSContext *ctx, JSValueConst stream) {
    JSValue value = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    stream_source *p = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*p));
    if (p == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *p = (stream_source){.stream = JS_DupValue(ctx, stream), .reader = JS_UNDEFINED};
    JS_SetOpaque(value, p);
    return value;
}

/* The first read gets a reader for the stream. */
static int open_reader(JSContext *ctx, stream_source *p) {
    if (!JS_IsUndefined(p->reader)) {
        return 0;
    }
    JSValue reader = fn_hook(ctx, "openReader", 1, &p->stream);
    if (JS_IsException(reader)) {
        return -1;
    }
    p->reader = reader;
    return 0;
}

int fn_web_stream_source_next(JSContext *ctx, JSValueConst value, fn_body_id id) {
    stream_source *p = JS_GetOpaque(value, class_id);
    if (p == NULL || p->waiting) {
        JS_ThrowInternalError(ctx, "not a stream source, or a read is already pending");
        return -1;
    }
    p->id = id;
    p->waiting = true;
    if (open_reader(ctx, p) == 0) {
        JSValueConst args[] = {value, p->reader};
        JSValue result = fn_hook(ctx, "readChunk", 2, args);
        JS_FreeValue(ctx, result);
        if (!JS_IsException(result)) {
            return 0;
        }
    }
    JSValue error = JS_GetException(ctx);
    if (JS_IsUncatchableError(error)) {
        JS_Throw(ctx, error);
        return -1;
    }
    p->waiting = false;
    fn_fetch_host->stream_error(ctx, id, error);
    JS_FreeValue(ctx, error);
    return 0;
}

JSValue fn_web_stream_source_cancel(JSContext *ctx, JSValueConst value, JSValueConst reason) {
    stream_source *p = JS_GetOpaque(value, class_id);
    if (p == NULL) {
        return JS_UNDEFINED;
    }
    p->waiting = false;
    JSValueConst args[] = {JS_IsUndefined(p->reader) ? p->stream : p->reader, reason};
    return fn_hook(ctx, "cancelStream", 2, args);
}

static stream_source *waiting_source(JSContext *ctx, int argc, JSValueConst *argv) {
    stream_source *p = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (p == NULL || !p->waiting) {
        return NULL; /* cancelled meanwhile */
    }
    p->waiting = false;
    return p;
}

/* A chunk that is not bytes fails the body and cancels the stream. */
static void refuse_chunk(JSContext *ctx, const stream_source *p) {
    fn_body_id id = p->id;
    JS_ThrowTypeError(ctx, "a chunk of the body is not a Uint8Array");
    JSValue error = JS_GetException(ctx);
    JSValueConst args[] = {p->reader, error};
    JSValue result = fn_hook(ctx, "cancelStream", 2, args);
    if (JS_IsException(result)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, result);
    fn_fetch_host->stream_error(ctx, id, error);
    JS_FreeValue(ctx, error);
}

void fn_stream_source_bytes(JSContext *ctx, JSValueConst value, const uint8_t *bytes, size_t len) {
    stream_source *p = waiting_source(ctx, 1, &value);
    if (p != NULL) {
        fn_fetch_host->stream_chunk(ctx, p->id, bytes, len);
    }
}

/* (stream_source, chunk): true when the chunk is empty, so that another must be read first. */
JSValue fn_stream_source_chunk(JSContext *ctx, JSValueConst this_val, int argc,
                               JSValueConst *argv) {
    (void)this_val;
    stream_source *p = waiting_source(ctx, argc, argv);
    if (p == NULL) {
        return JS_FALSE;
    }
    if (argc < 2 || JS_GetTypedArrayType(argv[1]) != JS_TYPED_ARRAY_UINT8) {
        refuse_chunk(ctx, p);
        return JS_FALSE;
    }
    uint8_t *bytes;
    size_t len;
    fn_buffer_source(ctx, argv[1], &bytes, &len);
    if (len == 0) {
        p->waiting = true;
        return JS_TRUE;
    }
    fn_fetch_host->stream_chunk(ctx, p->id, bytes, len);
    return JS_FALSE;
}

JSValue fn_stream_source_end(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    stream_source *p = waiting_source(ctx, argc, argv);
    if (p != NULL) {
        fn_fetch_host->stream_end(ctx, p->id);
    }
    return JS_UNDEFINED;
}

JSValue fn_stream_source_error(JSContext *ctx, JSValueConst this_val, int argc,
                               JSValueConst *argv) {
    (void)this_val;
    stream_source *p = waiting_source(ctx, argc, argv);
    if (p != NULL) {
        fn_fetch_host->stream_error(ctx, p->id, argc > 1 ? argv[1] : JS_UNDEFINED);
    }
    return JS_UNDEFINED;
}
