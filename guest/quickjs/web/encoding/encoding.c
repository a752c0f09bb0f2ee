/* Labels of encodings: https://encoding.spec.whatwg.org/#names-and-labels */
#include "web/encoding/encoding.h"

#include <string.h>

#define LONGEST 32 /* longer than any label */

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static const fn_encoding *search(const char *key) {
    size_t low = 0, high = fn_label_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, fn_labels[middle].label);
        if (order == 0) {
            return &fn_encodings[fn_labels[middle].encoding];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const fn_encoding *fn_encoding_find(const char *label, size_t len) {
    char key[LONGEST];
    while (len > 0 && is_space(label[0])) {
        label++;
        len--;
    }
    while (len > 0 && is_space(label[len - 1])) {
        len--;
    }
    if (len >= sizeof(key) || memchr(label, '\0', len) != NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        key[i] = label[i] >= 'A' && label[i] <= 'Z' ? (char)(label[i] | 0x20) : label[i];
    }
    key[len] = '\0';
    return search(key);
}
