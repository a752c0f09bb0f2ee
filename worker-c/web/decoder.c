/* The TextDecoder interface: https://encoding.spec.whatwg.org/#interface-textdecoder */
#include "internal.h"

#include <string.h>

typedef enum { UTF_8, UTF_16LE, UTF_16BE, WINDOWS_1252 } encoding;

typedef struct {
    encoding encoding;
    bool fatal, ignore_bom;
    bool bom_seen;
    bool streaming; /* the last call said that more comes */
    uint8_t pending[3];
    uint8_t pending_len;
} decoder;

static const char *const names[] = {"utf-8", "utf-16le", "utf-16be", "windows-1252"};

/* Labels, each with white space around it: https://encoding.spec.whatwg.org/#names-and-labels */
static const char *const labels[] = {
    [UTF_8] = " unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8 ",
    [UTF_16LE] = " csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le ",
    [UTF_16BE] = " unicodefffe utf-16be ",
    [WINDOWS_1252] = " ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 "
                     "iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii "
                     "windows-1252 x-cp1252 ",
};

/* 0x80 to 0x9f of windows-1252; all other bytes stand for themselves. */
static const uint16_t windows_1252[] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static void finalize(JSRuntime *rt, JSValueConst value) {
    js_free_rt(rt, JS_GetOpaque(value, fn_web.decoder));
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* The encoding that a label names, or -1. */
static int find_encoding(const char *label, size_t len) {
    char key[32] = " ";
    while (len > 0 && is_space(label[0])) {
        label++;
        len--;
    }
    while (len > 0 && is_space(label[len - 1])) {
        len--;
    }
    if (len == 0 || len > sizeof(key) - 3) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        char c = label[i];
        if (c == '\0' || is_space(c)) {
            return -1;
        }
        key[i + 1] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    key[len + 1] = ' ';
    for (int i = 0; i < FN_COUNT(labels); i++) {
        if (strstr(labels[i], key) != NULL) {
            return i;
        }
    }
    return -1;
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
    int found = find_encoding(label.bytes, label.len);
    fn_text_free(ctx, &label);
    JSValueConst options = argc > 1 ? argv[1] : JS_UNDEFINED;
    bool fatal, ignore_bom;
    if (read_flag(ctx, options, "fatal", &fatal) < 0 ||
        read_flag(ctx, options, "ignoreBOM", &ignore_bom) < 0) {
        return JS_EXCEPTION;
    }
    if (found < 0) {
        return JS_ThrowRangeError(ctx, "TextDecoder: the encoding is not supported");
    }
    JSValue value = fn_idl_create(ctx, new_target, fn_web.decoder);
    decoder *d = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*d));
    if (d == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *d = (decoder){.encoding = (encoding)found, .fatal = fatal, .ignore_bom = ignore_bom};
    JS_SetOpaque(value, d);
    return value;
}

static JSValue broken(JSContext *ctx, decoder *d) {
    d->pending_len = 0;
    return JS_ThrowTypeError(ctx, "TextDecoder: the data is not valid %s", names[d->encoding]);
}

/* Keeps the end of the input, which is not whole yet, for the next call. */
static void keep(decoder *d, const uint8_t *bytes, size_t len) {
    memcpy(d->pending, bytes, len);
    d->pending_len = (uint8_t)len;
}

static JSValue decode_utf8(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    size_t left = d->streaming ? fn_utf8_unfinished(bytes, len) : 0;
    len -= left;
    if (d->fatal && fn_utf8_valid(bytes, len) != len) {
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

static uint16_t unit_at(const decoder *d, const uint8_t *at) {
    return d->encoding == UTF_16LE ? (uint16_t)(at[0] | at[1] << 8)
                                   : (uint16_t)(at[0] << 8 | at[1]);
}

/* Copies code units, lone surrogates mended. The number of units, or SIZE_MAX where one is broken
 * and the decoder fatal. */
static size_t mend_utf16(const decoder *d, const uint8_t *bytes, size_t count, uint16_t *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t unit = unit_at(d, bytes + 2 * i);
        out[i] = unit;
        if (unit < 0xd800 || unit > 0xdfff) {
            continue;
        }
        uint16_t low = i + 1 < count ? unit_at(d, bytes + 2 * i + 2) : 0;
        if (unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
            out[++i] = low;
        } else if (d->fatal) {
            return SIZE_MAX;
        } else {
            out[i] = 0xfffd;
        }
    }
    return count;
}

static JSValue decode_utf16(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    size_t left = len % 2;
    if (d->streaming && len >= 2) {
        uint16_t last = unit_at(d, bytes + len - left - 2);
        left += last >= 0xd800 && last < 0xdc00 ? 2 : 0;
    }
    bool cut = !d->streaming && left > 0;
    size_t count = (len - left) / 2;
    uint16_t *units = js_malloc(ctx, (count + 1) * sizeof(*units));
    if (units == NULL) {
        return JS_EXCEPTION;
    }
    size_t made = mend_utf16(d, bytes, count, units);
    if (made == SIZE_MAX || (cut && d->fatal)) {
        js_free(ctx, units);
        return broken(ctx, d);
    }
    if (cut) {
        /* A surrogate and half a unit at the end are one error. */
        uint16_t last = count > 0 ? unit_at(d, bytes + 2 * count - 2) : 0;
        if (last < 0xd800 || last > 0xdbff) {
            units[made++] = 0xfffd;
        }
    } else {
        keep(d, bytes + len - left, left);
    }
    size_t from = made > 0 && !d->bom_seen && !d->ignore_bom && units[0] == 0xfeff ? 1 : 0;
    d->bom_seen = d->bom_seen || made > 0;
    JSValue string = JS_NewStringUTF16(ctx, units + from, made - from);
    js_free(ctx, units);
    return string;
}

static JSValue decode_1252(JSContext *ctx, const uint8_t *bytes, size_t len) {
    uint16_t *units = js_malloc(ctx, (len + 1) * sizeof(*units));
    if (units == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t i = 0; i < len; i++) {
        units[i] = bytes[i] >= 0x80 && bytes[i] <= 0x9f ? windows_1252[bytes[i] - 0x80] : bytes[i];
    }
    JSValue string = JS_NewStringUTF16(ctx, units, len);
    js_free(ctx, units);
    return string;
}

static JSValue decode_bytes(JSContext *ctx, decoder *d, const uint8_t *bytes, size_t len) {
    return d->encoding == UTF_8          ? decode_utf8(ctx, d, bytes, len)
           : d->encoding == WINDOWS_1252 ? decode_1252(ctx, bytes, len)
                                         : decode_utf16(ctx, d, bytes, len);
}

static JSValue decode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    decoder *d = JS_GetOpaque2(ctx, this_val, fn_web.decoder);
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
    }
    d->streaming = stream;
    if (d->pending_len == 0) {
        return decode_bytes(ctx, d, len == 0 ? d->pending : bytes, len);
    }
    uint8_t *joined = js_malloc(ctx, d->pending_len + len);
    if (joined == NULL) {
        return JS_EXCEPTION;
    }
    size_t before = d->pending_len;
    memcpy(joined, d->pending, before);
    if (len > 0) {
        memcpy(joined + before, bytes, len);
    }
    d->pending_len = 0;
    JSValue string = decode_bytes(ctx, d, joined, before + len);
    js_free(ctx, joined);
    return string;
}

static JSValue get(JSContext *ctx, JSValueConst this_val, int which) {
    decoder *d = JS_GetOpaque2(ctx, this_val, fn_web.decoder);
    if (d == NULL) {
        return JS_EXCEPTION;
    }
    return which == 0 ? JS_NewString(ctx, names[d->encoding])
                      : JS_NewBool(ctx, which == 1 ? d->fatal : d->ignore_bom);
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
        .id = &fn_web.decoder,
        .class_def = {"TextDecoder", .finalizer = finalize},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    return fn_idl_define(ctx, &interface);
}
