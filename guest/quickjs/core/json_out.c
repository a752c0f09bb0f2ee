/* Writes ASCII-only JSON. */
#include "core/json_out.h"

#define ESCAPE_LEN 6 /* \uXXXX */

static bool is_plain(uint8_t byte) {
    return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
}

static size_t put_escape(uint8_t *out, uint32_t unit) {
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = 'u';
    out[2] = (uint8_t)hex[(unit >> 12) & 15];
    out[3] = (uint8_t)hex[(unit >> 8) & 15];
    out[4] = (uint8_t)hex[(unit >> 4) & 15];
    out[5] = (uint8_t)hex[unit & 15];
    return ESCAPE_LEN;
}

static size_t put_code_point(uint8_t *out, uint32_t code_point) {
    if (code_point == '"' || code_point == '\\') {
        out[0] = '\\';
        out[1] = (uint8_t)code_point;
        return 2;
    }
    if (code_point < 0x10000) {
        return put_escape(out, code_point);
    }
    code_point -= 0x10000;
    put_escape(out, 0xd800 | (code_point >> 10));
    put_escape(out + ESCAPE_LEN, 0xdc00 | (code_point & 0x3ff));
    return 2 * ESCAPE_LEN;
}

/* Decodes one code point, surrogates included; returns the number of bytes, at least 1. */
static size_t decode(const uint8_t *bytes, size_t len, uint32_t *code_point) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = bytes[0];
    *code_point = 0xfffd;
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    size_t count = first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (count == 1 || first >= 0xf8 || count > len) {
        return 1;
    }
    uint32_t value = first & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 1;
        }
        value = (value << 6) | (bytes[i] & 0x3fu);
    }
    if (value < smallest[count] || value > 0x10ffff) {
        return 1;
    }
    *code_point = value;
    return count;
}

/* Copies bytes that need no escape; most strings are one such run. */
static size_t put_plain_run(fn_buffer *out, const uint8_t *bytes, size_t len) {
    size_t run = 0;
    while (run < len && is_plain(bytes[run])) {
        run++;
    }
    fn_buffer_put(out, bytes, run);
    return run;
}

void fn_json_utf8(fn_buffer *out, const char *text, size_t len) {
    const uint8_t *bytes = (const uint8_t *)text;
    fn_buffer_put(out, "\"", 1);
    for (size_t i = 0; i < len;) {
        i += put_plain_run(out, bytes + i, len - i);
        if (i < len) {
            uint32_t code_point;
            i += decode(bytes + i, len - i, &code_point);
            uint8_t *end = fn_buffer_reserve(out, 2 * ESCAPE_LEN);
            if (end == NULL) {
                return;
            }
            out->len += put_code_point(end, code_point);
        }
    }
    fn_buffer_put(out, "\"", 1);
}

void fn_json_bytes(fn_buffer *out, const uint8_t *bytes, size_t len) {
    fn_buffer_put(out, "\"", 1);
    for (size_t i = 0; i < len;) {
        i += put_plain_run(out, bytes + i, len - i);
        if (i < len) {
            uint8_t *end = fn_buffer_reserve(out, ESCAPE_LEN);
            if (end == NULL) {
                return;
            }
            out->len += put_code_point(end, bytes[i]);
            i++;
        }
    }
    fn_buffer_put(out, "\"", 1);
}

void fn_json_uint(fn_buffer *out, uint64_t value) {
    char text[20]; /* UINT64_MAX has 20 digits */
    size_t start = sizeof(text);
    do {
        text[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    fn_buffer_put(out, text + start, sizeof(text) - start);
}
