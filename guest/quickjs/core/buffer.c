/* A growable byte buffer. */
#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 4096

uint8_t *fn_buffer_reserve(fn_buffer *buffer, size_t len) {
    if (len <= buffer->capacity - buffer->len) {
        return buffer->data == NULL ? NULL : buffer->data + buffer->len;
    }
    if (len > SIZE_MAX / 4 || buffer->len > SIZE_MAX / 4) {
        buffer->failed = true;
        return NULL;
    }
    size_t capacity = buffer->capacity * 2;
    if (capacity < buffer->len + len) {
        capacity = buffer->len + len;
    }
    if (capacity < MIN_CAPACITY) {
        capacity = MIN_CAPACITY;
    }
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->len;
}

void fn_buffer_put(fn_buffer *buffer, const void *data, size_t len) {
    if (len == 0) {
        return;
    }
    uint8_t *end = fn_buffer_reserve(buffer, len);
    if (end != NULL) {
        memcpy(end, data, len);
        buffer->len += len;
    }
}

void fn_buffer_text(fn_buffer *buffer, const char *text) {
    fn_buffer_put(buffer, text, strlen(text));
}

void fn_buffer_drop(fn_buffer *buffer, size_t len) {
    buffer->len -= len;
    if (buffer->len > 0) {
        memmove(buffer->data, buffer->data + len, buffer->len);
    }
}

void fn_buffer_free(fn_buffer *buffer) {
    free(buffer->data);
    *buffer = (fn_buffer){0};
}
