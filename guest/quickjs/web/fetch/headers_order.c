/* A header list as scripts see it: sorted by name, values of one name combined, cookies apart. */
#include "web/fetch/headers.h"

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

void fn_order_free(fn_order *order) {
    fn_free(order->entries);
    *order = (fn_order){0};
}

static void fill(const fn_headers *headers, key *keys, size_t all, fn_order *order) {
    for (size_t i = 0; i < all; i++) {
        const uint8_t *value;
        size_t value_len;
        keys[i].index = (uint32_t)i;
        fn_headers_at(headers, i, &keys[i].name, &keys[i].len, &value, &value_len);
    }
    qsort(keys, all, sizeof(*keys), compare);
    for (size_t i = 0; i < all; i++) {
        order->entries[i] = keys[i].index;
        if (i == 0 || is_cookie(&keys[i]) || !same(&keys[i - 1], &keys[i])) {
            order->stops[order->count++] = (uint32_t)i;
        }
    }
    order->stops[order->count] = (uint32_t)all;
}

int fn_order_make(const fn_headers *headers, fn_order *order) {
    size_t all = fn_headers_count(headers);
    key *keys = fn_alloc((all + 1) * sizeof(*keys));
    uint32_t *both = fn_alloc((2 * all + 1) * sizeof(*both));
    if (keys == NULL || both == NULL) {
        fn_free(keys);
        fn_free(both);
        return UV_ENOMEM;
    }
    *order = (fn_order){.entries = both, .stops = both + all};
    fill(headers, keys, all, order);
    fn_free(keys);
    return 0;
}

static void put(uint8_t *out, size_t *end, const void *bytes, size_t len) {
    if (len > 0) {
        memcpy(out + *end, bytes, len);
    }
    *end += len;
}

/* Only what is at the stop is looked at: to search all for each would be quadratic. */
uint8_t *fn_order_join(const fn_headers *headers, const fn_order *order, uint32_t stop,
                       size_t *len) {
    const uint32_t *from = order->entries + order->stops[stop];
    const uint32_t *to = order->entries + order->stops[stop + 1];
    size_t total = 0, name_len, value_len, end = 0;
    const char *name;
    const uint8_t *value;
    for (const uint32_t *at = from; at < to; at++) {
        fn_headers_at(headers, *at, &name, &name_len, &value, &value_len);
        total += value_len + 2;
    }
    uint8_t *out = fn_alloc(total);
    for (const uint32_t *at = from; out != NULL && at < to; at++) {
        fn_headers_at(headers, *at, &name, &name_len, &value, &value_len);
        put(out, &end, ", ", at == from ? 0 : 2);
        put(out, &end, value, value_len);
    }
    *len = end;
    return out;
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
