/* The TextDecoder interface: https://encoding.spec.whatwg.org/#interface-textdecoder */
#include "web/encoding/encoding.h"
#include "web/encoding/text_coders.h"
#include "web/encoding/utf8.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"

#include <string.h>

static JSClassID class_id;

typedef struct {
    fn_decode decode;
    bool ignore_bom;
    bool bom_seen;
    bool streaming; /* the last call announced more input */
    uint8_t pending[3];
    uint8_t pending_len;
} decoder;

static void finalize(JSRuntime *rt, JSValueConst value) {
    js_free_rt(rt, JS_GetOpaque(value, class_id));
}

/* A boolean member of a dictionary that may be undefined or null. */
static int read_flag(JSContext *ctx, JSValueConst options, const char *name, bool *flag) {
    *flag = false;
    if (JS_IsUndefined(options) || JS_IsNull(options)) {
        return 0;
    }
    if (!JS_IsObject(options)) {
        JS_ThrowTypeError(ctx, "TextDecoder: the options are not an object");
        return -1;
    }
    JSValue value = JS_GetPropertyStr(ctx, options, name);
    int set = JS_IsException(value) ? -1 : JS_ToBool(ctx, value);
    JS_FreeValue(ctx, value);
    *flag = set > 0;
    return set < 0 ? -1 : 0;
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    fn_text label = {.bytes = "utf-8", .len = 5};
    if (argc > 0 && !JS_IsUndefined(argv[0]) && fn_text_usv(ctx, &label, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    const fn_encoding *encoding = fn_encoding_find(label.bytes, label.len);
    fn_text_free(ctx, &label);
    JSValueConst options = argc > 1 ? argv[1] : JS_UNDEFINED;
    bool fatal, ignore_bom;
    if (read_flag(ctx, options, "fatal", &fatal) < 0 ||
        read_flag(ctx, options, "ignoreBOM", &ignore_bom) < 0) {
        return JS_EXCEPTION;
    }
    if (encoding == NULL || encoding->coding == FN_CODING_REPLACEMENT) {
        return JS_ThrowRangeError(ctx, "TextDecoder: the label is not the name of an encoding");
    }
    JSValue value = fn_idl_create(ctx, new_target, class_id);
    decoder *d = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*d));
    if (d == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *d = (decoder){.decode = {.encoding = encoding, .fatal = fatal}, .ignore_bom = ignore_bom};
    JS_SetOpaque(value, d);
    return value;
}

static JSValue broken(JSContext *ctx, decoder *d) {
    d->pending_len = 0;
    return JS_ThrowTypeError(ctx, "TextDecoder: the data is not valid %s",
                             d->decode.encoding->name);
}

/* Keeps the incomplete end of the input for the next call. */
static void keep(decoder *d, const uint8_t *bytes, size_t len) {
    memcpy(d->pending, bytes, len);
    d->pending_len = (uint8_t)len;
}

static JSValue decode_utf8(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    size_t left = d->streaming ? fn_utf8_unfinished(bytes, len) : 0;
    len -= left;
    if (d->decode.fatal && fn_utf8_valid(bytes, len) != len) {
        return broken(ctx, d);
    }
    keep(d, bytes + len, left);
    if (len == 0) {
        return JS_NewStringLen(ctx, "", 0);
    }
    bool skip = !d->bom_seen && !d->ignore_bom;
    d->bom_seen = true;
    return skip ? fn_utf8_decode_bom(ctx, bytes, len) : fn_utf8_decode(ctx, bytes, len);
}

/* A string of code units, stored as bytes when they fit. */
static JSValue string_of(JSContext *ctx, const uint16_t *units, size_t count) {
    uint16_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= units[i];
    }
    if (all > 0x7f) {
        return JS_NewStringUTF16(ctx, units, count);
    }
    char *bytes = js_malloc(ctx, count + 1);
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (char)units[i];
    }
    JSValue string = JS_NewStringLen(ctx, bytes, count);
    js_free(ctx, bytes);
    return string;
}

static bool is_utf16(const decoder *d) {
    fn_coding coding = d->decode.encoding->coding;
    return coding == FN_CODING_UTF_16LE || coding == FN_CODING_UTF_16BE;
}

static JSValue decode_units(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    if (len >= SIZE_MAX / sizeof(uint16_t)) {
        return JS_ThrowOutOfMemory(ctx);
    }
    uint16_t *units = js_malloc(ctx, (len + 1) * sizeof(*units));
    if (units == NULL) {
        return JS_EXCEPTION;
    }
    size_t rest, from = 0;
    size_t made = is_utf16(d) ? fn_decode_utf16(&d->decode, bytes, len, units, &rest)
                              : fn_decode_legacy(&d->decode, bytes, len, units, &rest);
    if (made == FN_DECODE_BROKEN) {
        js_free(ctx, units);
        return broken(ctx, d);
    }
    keep(d, bytes + len - rest, rest);
    if (is_utf16(d) && made > 0) {
        from = !d->bom_seen && !d->ignore_bom && units[0] == 0xfeff ? 1 : 0;
        d->bom_seen = true;
    }
    JSValue string = string_of(ctx, units + from, made - from);
    js_free(ctx, units);
    return string;
}

static JSValue decode_bytes(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    return d->decode.encoding->coding == FN_CODING_UTF_8 ? decode_utf8(ctx, d, bytes, len)
                                                         : decode_units(ctx, d, bytes, len);
}

/* The rest of the last call comes first. */
static JSValue decode_joined(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    if (d->pending_len == 0) {
        return decode_bytes(ctx, d, len == 0 ? d->pending : bytes, len);
    }
    size_t before = d->pending_len;
    uint8_t *joined = len > SIZE_MAX - before ? NULL : js_malloc(ctx, before + len);
    if (joined == NULL) {
        return JS_ThrowOutOfMemory(ctx);
    }
    memcpy(joined, d->pending, before);
    if (len > 0) {
        memcpy(joined + before, bytes, len);
    }
    d->pending_len = 0;
    JSValue string = decode_bytes(ctx, d, joined, before + len);
    js_free(ctx, joined);
    return string;
}

static JSValue decode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    decoder *d = JS_GetOpaque2(ctx, this_val, class_id);
    uint8_t *bytes = NULL;
    size_t len = 0;
    bool given = argc > 0 && !JS_IsUndefined(argv[0]);
    if (d == NULL) {
        return JS_EXCEPTION;
    }
    if (given && fn_buffer_source(ctx, argv[0], &bytes, &len) != 0) {
        return JS_ThrowTypeError(ctx, "TextDecoder.decode: the input is not a BufferSource");
    }
    bool stream;
    if (read_flag(ctx, argc > 1 ? argv[1] : JS_UNDEFINED, "stream", &stream) < 0) {
        return JS_EXCEPTION;
    }
    /* Reading the options may have run code that detached or shrank the buffer. */
    if (given) {
        fn_buffer_source(ctx, argv[0], &bytes, &len);
    }
    if (!d->streaming) {
        d->bom_seen = false;
        d->pending_len = 0;
        d->decode.jp = (fn_jp_state){FN_JP_ASCII, false};
    }
    d->streaming = stream;
    d->decode.last = !stream;
    return decode_joined(ctx, d, bytes, len);
}

static JSValue get(JSContext *ctx, JSValueConst this_val, int which) {
    decoder *d = JS_GetOpaque2(ctx, this_val, class_id);
    if (d == NULL) {
        return JS_EXCEPTION;
    }
    return which == 0 ? JS_NewString(ctx, d->decode.encoding->name)
                      : JS_NewBool(ctx, which == 1 ? d->decode.fatal : d->ignore_bom);
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER_MAGIC("encoding", get, 0),
    FN_GETTER_MAGIC("fatal", get, 1),
    FN_GETTER_MAGIC("ignoreBOM", get, 2),
    FN_METHOD("decode", 0, decode),
    FN_TAG("TextDecoder"),
};

int fn_decoder_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"TextDecoder", .finalizer = finalize},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    return fn_idl_define(ctx, &interface);
}
