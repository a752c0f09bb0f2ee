/* A header list: entries in order, their bytes in one growing block. It is reference-counted, since
 * a Request or a Response and its Headers object share one. */
#include "core/host.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/idl/memory.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (1u << 30) /* offsets are 32-bit; the memory limit is far lower */

typedef struct {
    uint32_t name, name_len, value, value_len;
} entry;

struct fn_headers {
    uint32_t references;
    uint32_t count, capacity;
    uint32_t used, size; /* of data */
    entry *entries;
    uint8_t *data;
    fn_order sorted; /* without entries when out of date */
};

static void free_order(fn_order *order) {
    fn_free(order->entries);
    *order = (fn_order){0};
}

fn_headers *fn_headers_new(void) {
    fn_headers *headers = fn_alloc(sizeof(*headers));
    if (headers != NULL) {
        *headers = (fn_headers){.references = 1};
    }
    return headers;
}

fn_headers *fn_headers_ref(fn_headers *headers) {
    headers->references++;
    return headers;
}

void fn_headers_free(fn_headers *headers) {
    if (headers != NULL && --headers->references == 0) {
        free_order(&headers->sorted);
        fn_free(headers->entries);
        fn_free(headers->data);
        fn_free(headers);
    }
}

static void outdated(fn_headers *headers) {
    free_order(&headers->sorted);
}

static int reserve(fn_headers *headers, size_t bytes) {
    if (bytes > MAX_BYTES - headers->used) {
        return UV_ENOMEM;
    }
    if (headers->used + bytes > headers->size) {
        size_t size = headers->size == 0 ? 128 : (size_t)headers->size * 2;
        while (size < headers->used + bytes) {
            size *= 2;
        }
        uint8_t *data = fn_realloc(headers->data, size);
        if (data == NULL) {
            return UV_ENOMEM;
        }
        headers->data = data;
        headers->size = (uint32_t)size;
    }
    if (headers->count == headers->capacity) {
        uint32_t capacity = headers->capacity == 0 ? 4 : headers->capacity * 2;
        entry *entries = fn_realloc(headers->entries, capacity * sizeof(entry));
        if (entries == NULL) {
            return UV_ENOMEM;
        }
        headers->entries = entries;
        headers->capacity = capacity;
    }
    return 0;
}

static uint32_t put(fn_headers *headers, const void *bytes, size_t len) {
    uint32_t at = headers->used;
    if (len > 0) {
        memcpy(headers->data + at, bytes, len);
    }
    headers->used += (uint32_t)len;
    return at;
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool same_name(const fn_headers *headers, const entry *e, const char *name, size_t len) {
    if (e->name_len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (headers->data[e->name + i] != lower((uint8_t)name[i])) {
            return false;
        }
    }
    return true;
}

int fn_headers_append(fn_headers *headers, const char *name, size_t name_len, const uint8_t *value,
                      size_t value_len) {
    if (name_len > MAX_BYTES || value_len > MAX_BYTES) {
        return UV_ENOMEM;
    }
    int err = reserve(headers, name_len + value_len);
    if (err != 0) {
        return err;
    }
    outdated(headers);
    entry *e = &headers->entries[headers->count++];
    e->name_len = (uint32_t)name_len;
    e->value_len = (uint32_t)value_len;
    e->name = put(headers, name, name_len);
    for (size_t i = 0; i < name_len; i++) {
        headers->data[e->name + i] = lower(headers->data[e->name + i]);
    }
    e->value = put(headers, value, value_len);
    return 0;
}

/* Removed bytes stay in the block until half of it is waste; then the block is copied. */
static int compact(fn_headers *headers) {
    size_t live = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        live += (size_t)headers->entries[i].name_len + headers->entries[i].value_len;
    }
    if (headers->used < 4096 || live > headers->used / 2) {
        return 0;
    }
    uint8_t *data = fn_alloc(headers->size);
    if (data == NULL) {
        return UV_ENOMEM;
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < headers->count; i++) {
        entry *e = &headers->entries[i];
        memcpy(data + used, headers->data + e->name, e->name_len);
        e->name = used;
        used += e->name_len;
        memcpy(data + used, headers->data + e->value, e->value_len);
        e->value = used;
        used += e->value_len;
    }
    fn_free(headers->data);
    headers->data = data;
    headers->used = used;
    return 0;
}

/* Removes the entries of a name, starting at `from`. */
static void remove_from(fn_headers *headers, uint32_t from, const char *name, size_t len) {
    uint32_t end = from;
    for (uint32_t i = from; i < headers->count; i++) {
        if (!same_name(headers, &headers->entries[i], name, len)) {
            headers->entries[end++] = headers->entries[i];
        }
    }
    headers->count = end;
    outdated(headers);
}

int fn_headers_delete(fn_headers *headers, const char *name, size_t len) {
    remove_from(headers, 0, name, len);
    return compact(headers);
}

int fn_headers_set(fn_headers *headers, const char *name, size_t name_len, const uint8_t *value,
                   size_t value_len) {
    for (uint32_t i = 0; i < headers->count; i++) {
        if (same_name(headers, &headers->entries[i], name, name_len)) {
            int err = value_len > MAX_BYTES ? UV_ENOMEM : reserve(headers, value_len);
            if (err != 0) {
                return err;
            }
            headers->entries[i].value = put(headers, value, value_len);
            headers->entries[i].value_len = (uint32_t)value_len;
            remove_from(headers, i + 1, name, name_len);
            return compact(headers);
        }
    }
    return fn_headers_append(headers, name, name_len, value, value_len);
}

size_t fn_headers_count(const fn_headers *headers) {
    return headers->count;
}

void fn_headers_at(const fn_headers *headers, size_t index, const char **name, size_t *name_len,
                   const uint8_t **value, size_t *value_len) {
    const entry *e = &headers->entries[index];
    *name = (const char *)headers->data + e->name;
    *name_len = e->name_len;
    *value = headers->data + e->value;
    *value_len = e->value_len;
}

const uint8_t *fn_headers_get(const fn_headers *headers, const char *name, size_t *value_len) {
    size_t len = strlen(name);
    for (uint32_t i = 0; i < headers->count; i++) {
        if (same_name(headers, &headers->entries[i], name, len)) {
            *value_len = headers->entries[i].value_len;
            return headers->data + headers->entries[i].value;
        }
    }
    return NULL;
}

bool fn_headers_has(const fn_headers *headers, const char *name, size_t len) {
    for (uint32_t i = 0; i < headers->count; i++) {
        if (same_name(headers, &headers->entries[i], name, len)) {
            return true;
        }
    }
    return false;
}

fn_headers *fn_headers_copy(const fn_headers *headers) {
    fn_headers *copy = fn_headers_new();
    for (uint32_t i = 0; copy != NULL && i < headers->count; i++) {
        const entry *e = &headers->entries[i];
        if (fn_headers_append(copy, (const char *)headers->data + e->name, e->name_len,
                              headers->data + e->value, e->value_len) != 0) {
            fn_headers_free(copy);
            return NULL;
        }
    }
    return copy;
}

/* ---- the list as scripts see it: sorted by name, the values of a name joined, each cookie alone
 */

typedef struct {
    const char *name;
    size_t len;
    uint32_t index;
} key;

static int compare_keys(const void *left, const void *right) {
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

static bool same_key(const key *a, const key *b) {
    return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

static bool is_cookie(const key *k) {
    return k->len == 10 && memcmp(k->name, "set-cookie", 10) == 0;
}

static void fill_order(const fn_headers *headers, key *keys, size_t all, fn_order *order) {
    for (size_t i = 0; i < all; i++) {
        const uint8_t *value;
        size_t value_len;
        keys[i].index = (uint32_t)i;
        fn_headers_at(headers, i, &keys[i].name, &keys[i].len, &value, &value_len);
    }
    qsort(keys, all, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < all; i++) {
        order->entries[i] = keys[i].index;
        if (i == 0 || is_cookie(&keys[i]) || !same_key(&keys[i - 1], &keys[i])) {
            order->stops[order->count++] = (uint32_t)i;
        }
    }
    order->stops[order->count] = (uint32_t)all;
}

static int make_order(const fn_headers *headers, fn_order *order) {
    size_t all = fn_headers_count(headers);
    key *keys = fn_alloc((all + 1) * sizeof(*keys));
    uint32_t *both = fn_alloc((2 * all + 1) * sizeof(*both));
    if (keys == NULL || both == NULL) {
        fn_free(keys);
        fn_free(both);
        return UV_ENOMEM;
    }
    *order = (fn_order){.entries = both, .stops = both + all};
    fill_order(headers, keys, all, order);
    fn_free(keys);
    return 0;
}

const fn_order *fn_headers_sorted(fn_headers *headers) {
    if (headers->sorted.entries == NULL && make_order(headers, &headers->sorted) != 0) {
        return NULL;
    }
    return &headers->sorted;
}

static void append_bytes(uint8_t *out, size_t *end, const void *bytes, size_t len) {
    if (len > 0) {
        memcpy(out + *end, bytes, len);
    }
    *end += len;
}

/* Reads only the entries of this step: a search of the whole list for each would be quadratic. */
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
        append_bytes(out, &end, ", ", at == from ? 0 : 2);
        append_bytes(out, &end, value, value_len);
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
