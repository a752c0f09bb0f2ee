/* UTF-8 as the Encoding standard decodes it. */
#ifndef FN_WEB_UTF8_H
#define FN_WEB_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"

/* The length of the part at the front that is valid and complete UTF-8. */
size_t fn_utf8_valid(const uint8_t *bytes, size_t len);
/* Decodes with U+FFFD for each maximal invalid part. */
JSValue fn_utf8_decode(JSContext *ctx, const uint8_t *bytes, size_t len);
/* The standard's "UTF-8 decode": skips a byte order mark at the front. */
JSValue fn_utf8_decode_bom(JSContext *ctx, const uint8_t *bytes, size_t len);
/* Valid UTF-8 made from any bytes, NUL-terminated, to be freed with js_free. NULL when out of
 * memory (thrown). */
char *fn_utf8_repair(JSContext *ctx, const uint8_t *bytes, size_t len, size_t *out_len);
/* How many bytes at the end begin an incomplete sequence. */
size_t fn_utf8_unfinished(const uint8_t *bytes, size_t len);

#endif
