/* Writes ASCII-only JSON: everything outside 0x20..0x7e is escaped, so that no byte of a tenant can
 * look like the end of a line. */
#ifndef FN_JSON_OUT_H
#define FN_JSON_OUT_H

#include "core/buffer.h"

/* A quoted string from UTF-8. Lone surrogates (encoded in three bytes, as the engine does) are
 * kept. Invalid bytes become U+FFFD. */
void fn_json_utf8(fn_buffer *out, const char *text, size_t len);
/* A quoted string in which each byte is a code point: header values. */
void fn_json_bytes(fn_buffer *out, const uint8_t *bytes, size_t len);
void fn_json_uint(fn_buffer *out, uint64_t value);

#endif
