/* String arguments as bytes, and strings made of bytes. */
#ifndef FN_WEB_TEXT_H
#define FN_WEB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"

/* A string argument as bytes, valid until fn_text_free. */
typedef struct {
    const char *bytes;
    size_t len;
    const char *cstring; /* owned by the engine; may be NULL */
    char *owned;         /* owned by this struct; may be NULL */
} fn_text;

/* USVString: lone surrogates become U+FFFD. 0, or -1 with an exception. */
int fn_text_usv(JSContext *ctx, fn_text *text, JSValueConst value);
/* ByteString: one byte for each code point; a TypeError above U+00FF. */
int fn_text_bytes(JSContext *ctx, fn_text *text, JSValueConst value);
void fn_text_free(JSContext *ctx, fn_text *text);
/* Isomorphic decode: a string with one code point for each byte. */
JSValue fn_text_isomorphic(JSContext *ctx, const uint8_t *bytes, size_t len);

#endif
