/* A growable byte buffer. It remembers a failed allocation, so that a writer checks once, at the
 * end. */
#ifndef FN_BUFFER_H
#define FN_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data;
    size_t len;
    size_t capacity;
    bool failed; /* an allocation failed: later writes are missing */
} fn_buffer;

/* Returns room for `len` more bytes at the end, or NULL. The caller adds what it used to `len`. */
uint8_t *fn_buffer_reserve(fn_buffer *buffer, size_t len);
void fn_buffer_put(fn_buffer *buffer, const void *data, size_t len);
void fn_buffer_text(fn_buffer *buffer, const char *text);
/* Removes the first `len` bytes. */
void fn_buffer_drop(fn_buffer *buffer, size_t len);
void fn_buffer_free(fn_buffer *buffer);

#endif
