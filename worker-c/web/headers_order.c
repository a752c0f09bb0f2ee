/* A header list as scripts see it: sorted by name, values of one name combined, cookies apart. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    size_t len;
    uint32_t index;
} key;

static int compare(const void *left, const void *right) {
    const key *a = left;
    const key *b = right;
    int order = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);
    if (order != 0) {
        return order;
    }
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

static bool same(const key *a, const key *b) {
    return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

static bool is_cookie(const key *k) {
    return k->len == 10 && memcmp(k->name, "set-cookie", 10) == 0;
}

uint32_t *fn_headers_order(const fn_headers *headers, uint32_t *count) {
    size_t all = fn_headers_count(headers);
    key *keys = fn_alloc((all + 1) * sizeof(*keys));
    uint32_t *order = fn_alloc((all + 1) * sizeof(*order));
    if (keys == NULL || order == NULL) {
        fn_free(keys);
        fn_free(order);
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < all; i++) {
        const uint8_t *value;
        size_t value_len;
        keys[i].index = (uint32_t)i;
        fn_headers_at(headers, i, &keys[i].name, &keys[i].len, &value, &value_len);
    }
    qsort(keys, all, sizeof(*keys), compare);
    uint32_t end = 0;
    for (size_t i = 0; i < all; i++) {
        if (i == 0 || is_cookie(&keys[i]) || !same(&keys[i - 1], &keys[i])) {
            order[end++] = keys[i].index;
        }
    }
    fn_free(keys);
    *count = end;
    return order;
}

uint8_t *fn_headers_combined(const fn_headers *headers, const char *name, size_t name_len,
                             size_t *len) {
    size_t total = 0, found = 0;
    const char *n;
    const uint8_t *v;
    size_t n_len, v_len;
    *len = 0;
    for (size_t i = 0; i < fn_headers_count(headers); i++) {
        fn_headers_at(headers, i, &n, &n_len, &v, &v_len);
        if (n_len == name_len && memcmp(n, name, n_len) == 0) {
            total += v_len + (found > 0 ? 2 : 0);
            found++;
        }
    }
    if (found == 0) {
        return NULL;
    }
    uint8_t *out = fn_alloc(total + 1);
    if (out == NULL) {
        *len = SIZE_MAX;
        return NULL;
    }
    size_t end = 0;
    for (size_t i = 0; i < fn_headers_count(headers); i++) {
        fn_headers_at(headers, i, &n, &n_len, &v, &v_len);
        if (n_len == name_len && memcmp(n, name, n_len) == 0) {
            if (end > 0 || found == 0) {
                memcpy(out + end, ", ", 2);
                end += 2;
            }
            memcpy(out + end, v, v_len);
            end += v_len;
            found = 0;
        }
    }
    *len = end;
    return out;
}
