/* BufferSource arguments, and buffers made of bytes. */
#ifndef FN_WEB_BUFFER_SOURCE_H
#define FN_WEB_BUFFER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"

/* Returns the bytes of an ArrayBuffer or a view: 0, 1 when `value` is neither, or -1 with an
 * exception. The pointer is valid until the next JS runs. A detached or shrunk buffer is empty. */
int fn_buffer_source(JSContext *ctx, JSValueConst value, uint8_t **bytes, size_t *len);
/* Whether `value` is a SharedArrayBuffer or a view of one. */
bool fn_buffer_is_shared(JSContext *ctx, JSValueConst value);
JSValue fn_array_buffer(JSContext *ctx, const uint8_t *bytes, size_t len);
JSValue fn_uint8_array(JSContext *ctx, const uint8_t *bytes, size_t len);

#endif
