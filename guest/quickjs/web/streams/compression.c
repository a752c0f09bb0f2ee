/* zlib for CompressionStream and DecompressionStream: https://compression.spec.whatwg.org/
 * A step takes and returns a bounded number of bytes, so that neither a large chunk nor a
 * decompression bomb can exceed the worker's limits. */
#include "web/streams/compression.h"
#include "web/idl/buffer_source.h"
#include "web/idl/memory.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define PIECE (64 * 1024)       /* bytes of output of a step */
#define INPUT_PART (256 * 1024) /* bytes of input of a step */
#define LEVEL 6
#define MEMORY_LEVEL 8

static JSClassID class_id;

typedef enum { FORMAT_DEFLATE, FORMAT_RAW, FORMAT_GZIP } format;

typedef struct {
    z_stream z;
    format format;
    bool compress;
    bool open;      /* zlib has allocated memory */
    bool done;      /* the end of the compressed data was read or written */
    uint8_t *input; /* the rest of a chunk after a step */
    size_t input_at, input_len;
} codec;

static voidpf allocate(voidpf opaque, uInt count, uInt size) {
    (void)opaque;
    return fn_alloc((size_t)count * size);
}

static void release(voidpf opaque, voidpf memory) {
    (void)opaque;
    fn_free(memory);
}

static void close_codec(codec *c) {
    if (c->open) {
        c->open = false;
        if (c->compress) {
            deflateEnd(&c->z);
        } else {
            inflateEnd(&c->z);
        }
    }
    fn_free(c->input);
    c->input = NULL;
    c->input_at = c->input_len = 0;
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    codec *c = JS_GetOpaque(value, class_id);
    if (c != NULL) {
        close_codec(c);
        js_free_rt(rt, c);
    }
}

int fn_compression_init(JSContext *ctx) {
    static const JSClassDef definition = {"Codec", .finalizer = finalize};
    JS_NewClassID(JS_GetRuntime(ctx), &class_id);
    return JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
}

/* (format, compress) */
JSValue fn_codec_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    int32_t which;
    if (argc < 2 || JS_ToInt32(ctx, &which, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    codec *c = JS_IsException(value) ? NULL : js_mallocz(ctx, sizeof(*c));
    if (c == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    c->format = (format)which;
    c->compress = JS_ToBool(ctx, argv[1]) > 0;
    c->z.zalloc = allocate;
    c->z.zfree = release;
    JS_SetOpaque(value, c);
    return value;
}

/* zlib is set up by the first step, since many streams are created and never used. */
static int open_codec(JSContext *ctx, codec *c) {
    if (c->open || c->done) {
        return 0;
    }
    int bits = c->format == FORMAT_RAW    ? -MAX_WBITS
               : c->format == FORMAT_GZIP ? MAX_WBITS + 16
                                          : MAX_WBITS;
    int status =
        c->compress ? deflateInit2(&c->z, LEVEL, Z_DEFLATED, bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY)
                    : inflateInit2(&c->z, bits);
    if (status != Z_OK) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    c->open = true;
    return 0;
}

static JSValue fail(JSContext *ctx, codec *c, int status) {
    /* zlib's messages are constants. */
    const char *why = status == Z_NEED_DICT ? "it needs a dictionary"
                      : c->z.msg != NULL    ? c->z.msg
                                            : "it is broken";
    close_codec(c);
    c->done = true;
    return status == Z_MEM_ERROR
               ? JS_ThrowOutOfMemory(ctx)
               : JS_ThrowTypeError(ctx, "the compressed data is not valid: %s", why);
}

/* Keeps a copy of what a step did not take: the chunk may change before the next step. */
static int keep_input(JSContext *ctx, codec *c, const uint8_t *bytes, size_t len, size_t taken) {
    if (c->input != NULL) {
        c->input_at += taken;
        if (c->input_at == c->input_len) {
            js_free(ctx, c->input);
            c->input = NULL;
            c->input_at = c->input_len = 0;
        }
        return 0;
    }
    if (taken == len) {
        return 0;
    }
    c->input = js_malloc(ctx, len - taken);
    if (c->input == NULL) {
        return -1;
    }
    memcpy(c->input, bytes + taken, len - taken);
    c->input_len = len - taken;
    return 0;
}

/* Runs zlib once over `len` bytes, which are the end of the data if `last`. */
static int turn(codec *c, const uint8_t *bytes, size_t len, bool last, uint8_t *piece) {
    size_t part = len < INPUT_PART ? len : INPUT_PART;
    c->z.next_in = bytes;
    c->z.avail_in = (uInt)part;
    c->z.next_out = piece;
    c->z.avail_out = PIECE;
    int status = c->compress ? deflate(&c->z, last && part == len ? Z_FINISH : Z_NO_FLUSH)
                             : inflate(&c->z, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
        c->done = true;
    }
    return status == Z_STREAM_END || status == Z_BUF_ERROR ? Z_OK : status;
}

static JSValue step(JSContext *ctx, codec *c, const uint8_t *bytes, size_t len, bool last,
                    uint8_t *piece) {
    if (c->done && len > 0) {
        close_codec(c);
        return JS_ThrowTypeError(ctx, "there is more data after the end of the compressed data");
    }
    if (c->done) {
        return JS_NULL;
    }
    int status = turn(c, bytes, len, last, piece);
    if (status != Z_OK) {
        return fail(ctx, c, status);
    }
    size_t taken = (size_t)(c->z.next_in - bytes), made = PIECE - c->z.avail_out;
    if (keep_input(ctx, c, bytes, len, taken) < 0) {
        return JS_EXCEPTION;
    }
    bool more = taken < len;
    if (c->done && !more) {
        close_codec(c);
    }
    if (made > 0) {
        return fn_uint8_array(ctx, piece, made);
    }
    if (more) {
        return JS_TRUE;
    }
    if (last && !c->done) {
        return JS_ThrowTypeError(ctx, "the compressed data ends too early");
    }
    return JS_NULL;
}

/* Accepts a BufferSource that is not shared. */
static int chunk_bytes(JSContext *ctx, JSValueConst chunk, uint8_t **bytes, size_t *len) {
    int err = fn_buffer_source(ctx, chunk, bytes, len);
    if (err == 0 && !fn_buffer_is_shared(ctx, chunk)) {
        return 0;
    }
    if (err >= 0) {
        JS_ThrowTypeError(ctx, "the chunk is not a BufferSource");
    }
    return -1;
}

/* (codec, chunk, last): a piece of output; true when there is none yet but more to do; null when
 * the next chunk is needed. A chunk is passed once, and undefined in the following steps. */
JSValue fn_codec_step(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    codec *c = argc < 3 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    uint8_t *bytes = c->input == NULL ? NULL : c->input + c->input_at;
    size_t len = c->input_len - c->input_at;
    if (!JS_IsUndefined(argv[1]) && chunk_bytes(ctx, argv[1], &bytes, &len) < 0) {
        return JS_EXCEPTION;
    }
    uint8_t *piece = open_codec(ctx, c) < 0 ? NULL : js_malloc(ctx, PIECE);
    if (piece == NULL) {
        return JS_EXCEPTION;
    }
    JSValue result =
        step(ctx, c, len == 0 ? piece : bytes, len, JS_ToBool(ctx, argv[2]) > 0, piece);
    js_free(ctx, piece);
    return result;
}

/* Frees zlib's memory when the stream ends before its data does. */
JSValue fn_codec_close(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    codec *c = argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], class_id);
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    close_codec(c);
    c->done = true;
    return JS_UNDEFINED;
}
