/* String arguments as bytes: USVString, ByteString, and back. */
#include "web/idl/text.h"

#include <stdlib.h>
#include <string.h>

/* The engine writes a lone surrogate as ED A0..BF xx; U+FFFD has the same length. */
static bool has_surrogate(const char *bytes, size_t len) {
    const char *at = bytes;
    const char *end = bytes + len;
    while (at < end && (at = memchr(at, 0xed, (size_t)(end - at))) != NULL) {
        if (end - at >= 3 && (uint8_t)at[1] >= 0xa0) {
            return true;
        }
        at++;
    }
    return false;
}

int fn_text_usv(JSContext *ctx, fn_text *text, JSValueConst value) {
    *text = (fn_text){0};
    text->cstring = JS_ToCStringLen(ctx, &text->len, value);
    if (text->cstring == NULL) {
        return -1;
    }
    text->bytes = text->cstring;
    if (!has_surrogate(text->bytes, text->len)) {
        return 0;
    }
    text->owned = js_malloc(ctx, text->len + 1);
    if (text->owned == NULL) {
        fn_text_free(ctx, text);
        return -1;
    }
    memcpy(text->owned, text->cstring, text->len + 1);
    for (size_t i = 0; i + 2 < text->len; i++) {
        if ((uint8_t)text->owned[i] == 0xed && (uint8_t)text->owned[i + 1] >= 0xa0) {
            memcpy(text->owned + i, "\xef\xbf\xbd", 3);
        }
    }
    text->bytes = text->owned;
    return 0;
}

static bool is_ascii(const char *bytes, size_t len) {
    uint8_t all = 0;
    for (size_t i = 0; i < len; i++) {
        all |= (uint8_t)bytes[i];
    }
    return all < 0x80;
}

int fn_text_bytes(JSContext *ctx, fn_text *text, JSValueConst value) {
    *text = (fn_text){0};
    text->cstring = JS_ToCStringLen(ctx, &text->len, value);
    if (text->cstring == NULL) {
        return -1;
    }
    text->bytes = text->cstring;
    if (is_ascii(text->bytes, text->len)) {
        return 0;
    }
    text->owned = js_malloc(ctx, text->len + 1);
    if (text->owned == NULL) {
        fn_text_free(ctx, text);
        return -1;
    }
    size_t end = 0;
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = (uint8_t)text->cstring[i];
        if (c >= 0x80) {
            if (c > 0xc3) {
                fn_text_free(ctx, text);
                JS_ThrowTypeError(ctx, "not a ByteString: a character is greater than 255");
                return -1;
            }
            i++;
            c = (uint8_t)((c << 6) | ((uint8_t)text->cstring[i] & 0x3f));
        }
        text->owned[end++] = (char)c;
    }
    text->owned[end] = '\0';
    text->bytes = text->owned;
    text->len = end;
    return 0;
}

void fn_text_free(JSContext *ctx, fn_text *text) {
    if (text->cstring != NULL) {
        JS_FreeCString(ctx, text->cstring);
    }
    js_free(ctx, text->owned);
    *text = (fn_text){0};
}

JSValue fn_text_isomorphic(JSContext *ctx, const uint8_t *bytes, size_t len) {
    if (is_ascii((const char *)bytes, len)) {
        return JS_NewStringLen(ctx, (const char *)bytes, len);
    }
    if (len > SIZE_MAX / 2) {
        return JS_ThrowOutOfMemory(ctx);
    }
    char *utf8 = js_malloc(ctx, len * 2);
    if (utf8 == NULL) {
        return JS_EXCEPTION;
    }
    size_t end = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] < 0x80) {
            utf8[end++] = (char)bytes[i];
        } else {
            utf8[end++] = (char)(0xc0 | (bytes[i] >> 6));
            utf8[end++] = (char)(0x80 | (bytes[i] & 0x3f));
        }
    }
    JSValue string = JS_NewStringLen(ctx, utf8, end);
    js_free(ctx, utf8);
    return string;
}
