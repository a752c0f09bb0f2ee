/* UTF-8 as the Encoding standard decodes it. */
#ifndef FN_WEB_UTF8_H
#define FN_WEB_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"

/* The length of the part that is valid, whole UTF-8. */
size_t fn_utf8_valid(const uint8_t *bytes, size_t len);
/* Decodes with U+FFFD for each maximal broken part. */
JSValue fn_utf8_decode(JSContext *ctx, const uint8_t *bytes, size_t len);
/* As the standard's "UTF-8 decode": without a byte order mark in front. */
JSValue fn_utf8_decode_bom(JSContext *ctx, const uint8_t *bytes, size_t len);
/* Valid UTF-8 out of any; NULL when out of memory (thrown). NUL-terminated; js_free. */
char *fn_utf8_repair(JSContext *ctx, const uint8_t *bytes, size_t len, size_t *out_len);
/* How many bytes at the end begin a sequence that is not whole yet. */
size_t fn_utf8_unfinished(const uint8_t *bytes, size_t len);

#endif
