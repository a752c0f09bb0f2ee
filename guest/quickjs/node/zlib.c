/* `fn:zlib`: zlib for node:zlib. A step takes and makes a bounded number of bytes, so that the
 * limits of CPU time and memory are checked between the steps of a decompression bomb. */
#include "node/node.h"
#include "web/idl/buffer_source.h"
#include "web/idl/memory.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define INPUT_PART (256 * 1024) /* bytes of input of a step */
#define OUTPUT_PART (64 * 1024) /* bytes of output of a step */

/* The numbers of Node. */
typedef enum {
    MODE_DEFLATE = 1,
    MODE_INFLATE,
    MODE_GZIP,
    MODE_GUNZIP,
    MODE_DEFLATE_RAW,
    MODE_INFLATE_RAW,
    MODE_UNZIP,
} mode;

typedef struct {
    z_stream z;
    mode asked;
    mode mode;           /* MODE_UNZIP becomes another one when the first bytes were read */
    unsigned magic_read; /* bytes of gzip's magic number that MODE_UNZIP has seen */
    bool open;           /* zlib has allocated memory */
    uint8_t *dictionary; /* NULL: none */
    size_t dictionary_len;
} codec;

typedef struct {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
    int flush;
} piece;

static JSClassID class_id;

static voidpf allocate(voidpf opaque, uInt count, uInt size) {
    (void)opaque;
    return fn_alloc((size_t)count * size);
}

static void release(voidpf opaque, voidpf memory) {
    (void)opaque;
    fn_free(memory);
}

static bool compresses(const codec *c) {
    return c->mode == MODE_DEFLATE || c->mode == MODE_GZIP || c->mode == MODE_DEFLATE_RAW;
}

static void close_codec(codec *c) {
    if (c->open) {
        c->open = false;
        if (compresses(c)) {
            deflateEnd(&c->z);
        } else {
            inflateEnd(&c->z);
        }
    }
    fn_free(c->dictionary);
    c->dictionary = NULL;
    c->dictionary_len = 0;
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    codec *c = JS_GetOpaque(value, class_id);
    if (c != NULL) {
        close_codec(c);
        js_free_rt(rt, c);
    }
}

int fn_zlib_init(fn_worker *worker) {
    static const JSClassDef definition = {"Zlib", .finalizer = finalize};
    JS_NewClassID(worker->rt, &class_id);
    return JS_NewClass(worker->rt, class_id, &definition);
}

static codec *codec_of(JSContext *ctx, JSValueConst value) {
    codec *c = JS_GetOpaque2(ctx, value, class_id);
    if (c != NULL && !c->open) {
        JS_ThrowTypeError(ctx, "zlib: the stream is closed");
        return NULL;
    }
    return c;
}

/* The dictionary of a stream that does not ask for it in its data. */
static int set_dictionary(codec *c) {
    if (c->dictionary == NULL) {
        return Z_OK;
    }
    switch (c->mode) {
    case MODE_DEFLATE:
    case MODE_DEFLATE_RAW:
        return deflateSetDictionary(&c->z, c->dictionary, (uInt)c->dictionary_len);
    case MODE_INFLATE_RAW:
        return inflateSetDictionary(&c->z, c->dictionary, (uInt)c->dictionary_len);
    default:
        return Z_OK;
    }
}

static int open_codec(codec *c, int bits, int level, int memory, int strategy) {
    switch (c->mode) {
    case MODE_GZIP:
    case MODE_GUNZIP:
        bits += 16;
        break;
    case MODE_UNZIP:
        bits += 32;
        break;
    case MODE_DEFLATE_RAW:
    case MODE_INFLATE_RAW:
        bits = -bits;
        break;
    default:
        break;
    }
    c->z.zalloc = allocate;
    c->z.zfree = release;
    int status = compresses(c) ? deflateInit2(&c->z, level, Z_DEFLATED, bits, memory, strategy)
                               : inflateInit2(&c->z, bits);
    c->open = status == Z_OK;
    return status;
}

static int copy_dictionary(JSContext *ctx, codec *c, JSValueConst value) {
    uint8_t *bytes;
    size_t len;
    if (JS_IsUndefined(value)) {
        return 0;
    }
    int err = fn_buffer_source(ctx, value, &bytes, &len);
    if (err != 0) {
        if (err > 0) {
            JS_ThrowTypeError(ctx, "zlib: the dictionary is not a buffer");
        }
        return -1;
    }
    /* zlib uses the end of a dictionary that is longer than its window, but checks all of it. */
    c->dictionary = js_malloc(ctx, len > 0 ? len : 1);
    if (c->dictionary == NULL) {
        return -1;
    }
    if (len > 0) {
        memcpy(c->dictionary, bytes, len);
    }
    c->dictionary_len = len;
    return len > UINT32_MAX ? (JS_ThrowRangeError(ctx, "zlib: the dictionary is too long"), -1) : 0;
}

/* (mode, windowBits, level, memLevel, strategy, dictionary): the codec, or zlib's error code. */
static JSValue open_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    int32_t given[5];
    for (int i = 0; i < 5; i++) {
        if (JS_ToInt32(ctx, &given[i], argv[i]) < 0) {
            return JS_EXCEPTION;
        }
    }
    if (given[0] < MODE_DEFLATE || given[0] > MODE_UNZIP || given[1] < 0 || given[1] > MAX_WBITS) {
        return JS_NewInt32(ctx, Z_STREAM_ERROR);
    }
    JSValue value = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    codec *c = JS_IsException(value) ? NULL : js_mallocz(ctx, sizeof(*c));
    if (c == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    JS_SetOpaque(value, c);
    c->asked = c->mode = (mode)given[0];
    if (copy_dictionary(ctx, c, argv[5]) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    int status = open_codec(c, given[1], given[2], given[3], given[4]);
    if (status == Z_OK) {
        status = set_dictionary(c);
    }
    if (status == Z_OK) {
        return value;
    }
    JS_FreeValue(ctx, value);
    return status == Z_MEM_ERROR ? JS_ThrowOutOfMemory(ctx) : JS_NewInt32(ctx, status);
}

static int reset(codec *c) {
    c->mode = c->asked;
    c->magic_read = 0;
    int status = compresses(c) ? deflateReset(&c->z) : inflateReset(&c->z);
    return status == Z_OK ? set_dictionary(c) : status;
}

/* MODE_UNZIP: whether the data is gzip, whose two first bytes may come one by one. */
static void detect(codec *c, const uint8_t *in, size_t len) {
    static const uint8_t magic[] = {0x1f, 0x8b};
    for (size_t i = 0; i < len && c->mode == MODE_UNZIP; i++) {
        if (in[i] != magic[c->magic_read]) {
            c->mode = MODE_INFLATE;
        } else if (++c->magic_read == sizeof(magic)) {
            c->mode = MODE_GUNZIP;
        }
    }
}

static int decompress(codec *c, int flush) {
    int status = inflate(&c->z, flush);
    if (status == Z_NEED_DICT && c->dictionary != NULL && c->mode != MODE_INFLATE_RAW) {
        status = inflateSetDictionary(&c->z, c->dictionary, (uInt)c->dictionary_len);
        /* Z_DATA_ERROR of this call means that it is another dictionary. */
        status = status == Z_OK           ? inflate(&c->z, flush)
                 : status == Z_DATA_ERROR ? Z_NEED_DICT
                                          : status;
    }
    return status;
}

/* Runs zlib over at most one part of the input and of the output. */
static int turn(codec *c, const piece *p) {
    size_t in = p->in_len < INPUT_PART ? p->in_len : INPUT_PART;
    c->z.next_in = p->in;
    c->z.avail_in = (uInt)in;
    c->z.next_out = p->out;
    c->z.avail_out = (uInt)(p->out_len < OUTPUT_PART ? p->out_len : OUTPUT_PART);
    c->z.msg = NULL;
    int flush = in < p->in_len ? Z_NO_FLUSH : p->flush;
    if (compresses(c)) {
        return deflate(&c->z, flush);
    }
    detect(c, p->in, in);
    int status = decompress(c, flush);
    /* The next member of a gzip file. Zeros are padding. */
    while (status == Z_STREAM_END && c->mode == MODE_GUNZIP && c->z.avail_in > 0 &&
           c->z.next_in[0] != 0) {
        if (inflateReset(&c->z) != Z_OK) {
            return Z_STREAM_ERROR;
        }
        status = decompress(c, flush);
    }
    return status;
}

/* A part of a buffer, as (buffer, offset, length). The numbers come first, since converting them
 * may run scripts. */
static int part_of(JSContext *ctx, JSValueConst buffer, uint32_t at, uint32_t len,
                   uint8_t **bytes) {
    static uint8_t nothing[1];
    size_t size = 0;
    int err = fn_buffer_source(ctx, buffer, bytes, &size);
    if (err < 0) {
        return -1;
    }
    if (err > 0 || at > size || len > size - at) {
        JS_ThrowRangeError(ctx, "zlib: the offset or the length is outside of the buffer");
        return -1;
    }
    *bytes = len == 0 ? nothing : *bytes + at;
    return 0;
}

static int write_state(JSContext *ctx, JSValueConst state, size_t out_left, size_t in_left) {
    uint32_t values[] = {(uint32_t)out_left, (uint32_t)in_left};
    uint8_t *bytes;
    if (part_of(ctx, state, 0, sizeof(values), &bytes) < 0) {
        return -1;
    }
    memcpy(bytes, values, sizeof(values));
    return 0;
}

/* (codec, flush, input, offset, length, output, offset, length, state): zlib's status. The state, a
 * Uint32Array, receives the room and the input that are left. */
static JSValue step(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    int32_t flush;
    uint32_t in_at, in_len, out_at, out_len;
    if (JS_ToInt32(ctx, &flush, argv[1]) < 0 || JS_ToUint32(ctx, &in_at, argv[3]) < 0 ||
        JS_ToUint32(ctx, &in_len, argv[4]) < 0 || JS_ToUint32(ctx, &out_at, argv[6]) < 0 ||
        JS_ToUint32(ctx, &out_len, argv[7]) < 0) {
        return JS_EXCEPTION;
    }
    codec *c = codec_of(ctx, argv[0]);
    uint8_t *in, *out;
    if (c == NULL || part_of(ctx, argv[2], in_at, in_len, &in) < 0 ||
        part_of(ctx, argv[5], out_at, out_len, &out) < 0) {
        return JS_EXCEPTION;
    }
    if (in_len > 0 && out_len > 0 && in < out + out_len && out < in + in_len) {
        return JS_ThrowTypeError(ctx, "zlib: the input and the output are the same memory");
    }
    piece p = {.in = in, .in_len = in_len, .out = out, .out_len = out_len, .flush = flush};
    int status = turn(c, &p);
    if (status == Z_MEM_ERROR) {
        return JS_ThrowOutOfMemory(ctx);
    }
    size_t out_left = out_len - (size_t)(c->z.next_out - out);
    size_t in_left = in_len - (size_t)(c->z.next_in - in);
    c->z.next_in = c->z.next_out = NULL;
    c->z.avail_in = c->z.avail_out = 0;
    return write_state(ctx, argv[8], out_left, in_left) < 0 ? JS_EXCEPTION
                                                            : JS_NewInt32(ctx, status);
}

/* (codec): what zlib says about its last error, or null. */
static JSValue message(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    codec *c = JS_GetOpaque2(ctx, argv[0], class_id);
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    /* zlib's messages are constants. */
    return c->z.msg == NULL ? JS_NULL : JS_NewString(ctx, c->z.msg);
}

/* (codec, level, strategy): zlib's status. What was written before has to be flushed. */
static JSValue params(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    int32_t level, strategy;
    if (JS_ToInt32(ctx, &level, argv[1]) < 0 || JS_ToInt32(ctx, &strategy, argv[2]) < 0) {
        return JS_EXCEPTION;
    }
    codec *c = codec_of(ctx, argv[0]);
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    if (!compresses(c)) {
        return JS_NewInt32(ctx, Z_OK);
    }
    uint8_t none[1];
    c->z.next_in = c->z.next_out = none;
    c->z.avail_in = c->z.avail_out = 0;
    int status = deflateParams(&c->z, level, strategy);
    c->z.next_in = c->z.next_out = NULL;
    return JS_NewInt32(ctx, status);
}

/* (codec): zlib's status. */
static JSValue reset_codec(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    codec *c = codec_of(ctx, argv[0]);
    return c == NULL ? JS_EXCEPTION : JS_NewInt32(ctx, reset(c));
}

/* (codec): frees zlib's memory now. */
static JSValue close_now(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    codec *c = JS_GetOpaque2(ctx, argv[0], class_id);
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    close_codec(c);
    return JS_UNDEFINED;
}

/* (bytes, value) */
static JSValue checksum(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    uint32_t value;
    uint8_t *bytes;
    size_t len;
    if (JS_ToUint32(ctx, &value, argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    int err = fn_buffer_source(ctx, argv[0], &bytes, &len);
    if (err != 0) {
        return err < 0 ? JS_EXCEPTION : JS_ThrowTypeError(ctx, "zlib: not a buffer");
    }
    return JS_NewUint32(ctx, len == 0 ? value : (uint32_t)crc32_z(value, bytes, len));
}

const JSCFunctionListEntry fn_zlib_functions[] = {
    JS_CFUNC_DEF("open", 6, open_new),     JS_CFUNC_DEF("step", 9, step),
    JS_CFUNC_DEF("message", 1, message),   JS_CFUNC_DEF("params", 3, params),
    JS_CFUNC_DEF("reset", 1, reset_codec), JS_CFUNC_DEF("close", 1, close_now),
    JS_CFUNC_DEF("crc32", 2, checksum),    JS_PROP_INT32_DEF("OUTPUT_PART", OUTPUT_PART, 0),
};
const int fn_zlib_function_count = sizeof(fn_zlib_functions) / sizeof(fn_zlib_functions[0]);
