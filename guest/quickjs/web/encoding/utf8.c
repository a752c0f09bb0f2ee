/* UTF-8 as the Encoding standard decodes it: U+FFFD for each maximal part of an invalid sequence.
 */
#include "web/encoding/utf8.h"

#include <string.h>

/* How many bytes at `at` form a character; 0 when they are invalid, and then `*bad` is the number
 * of bytes that one U+FFFD replaces. An incomplete sequence is invalid. */
static size_t sequence(const uint8_t *at, size_t left, size_t *bad) {
    uint8_t c = at[0];
    uint8_t low = 0x80, high = 0xbf;
    size_t need;
    *bad = 1;
    if (c < 0x80) {
        return 1;
    } else if (c >= 0xc2 && c <= 0xdf) {
        need = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        need = 2;
        low = c == 0xe0 ? 0xa0 : 0x80;
        high = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        need = 3;
        low = c == 0xf0 ? 0x90 : 0x80;
        high = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    for (size_t i = 1; i <= need; i++) {
        if (i >= left || at[i] < low || at[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need + 1;
}

size_t fn_utf8_valid(const uint8_t *bytes, size_t len) {
    size_t i = 0;
    while (i < len) {
        uint64_t word;
        if (len - i >= sizeof(word)) {
            memcpy(&word, bytes + i, sizeof(word));
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t bad;
        size_t n = sequence(bytes + i, len - i, &bad);
        if (n == 0) {
            return i;
        }
        i += n;
    }
    return len;
}

size_t fn_utf8_unfinished(const uint8_t *bytes, size_t len) {
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        const uint8_t *at = bytes + len - back;
        if (*at >= 0xc2 && *at <= 0xf4) {
            size_t bad;
            return sequence(at, back, &bad) == 0 && bad == back ? back : 0;
        }
        if (*at < 0x80 || *at >= 0xc0) {
            return 0;
        }
    }
    return 0;
}

char *fn_utf8_repair(JSContext *ctx, const uint8_t *bytes, size_t len, size_t *out_len) {
    if (len > (SIZE_MAX - 1) / 3) {
        JS_ThrowOutOfMemory(ctx);
        return NULL;
    }
    size_t bad, replaced = 0, end = 0;
    for (size_t i = fn_utf8_valid(bytes, len); i < len;) {
        size_t n = sequence(bytes + i, len - i, &bad);
        replaced += n == 0;
        i += n == 0 ? bad : n;
    }
    char *out = js_malloc(ctx, len + replaced * 2 + 1);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len;) {
        size_t n = sequence(bytes + i, len - i, &bad);
        memcpy(out + end, n == 0 ? (const uint8_t *)"\xef\xbf\xbd" : bytes + i, n == 0 ? 3 : n);
        end += n == 0 ? 3 : n;
        i += n == 0 ? bad : n;
    }
    out[end] = '\0';
    *out_len = end;
    return out;
}

JSValue fn_utf8_decode(JSContext *ctx, const uint8_t *bytes, size_t len) {
    if (fn_utf8_valid(bytes, len) == len) {
        return JS_NewStringLen(ctx, (const char *)bytes, len);
    }
    size_t repaired_len;
    char *repaired = fn_utf8_repair(ctx, bytes, len, &repaired_len);
    if (repaired == NULL) {
        return JS_EXCEPTION;
    }
    JSValue string = JS_NewStringLen(ctx, repaired, repaired_len);
    js_free(ctx, repaired);
    return string;
}

JSValue fn_utf8_decode_bom(JSContext *ctx, const uint8_t *bytes, size_t len) {
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        len -= 3;
    }
    return fn_utf8_decode(ctx, bytes, len);
}
