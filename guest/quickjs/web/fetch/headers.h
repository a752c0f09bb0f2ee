/* Header lists and the Headers interface: https://fetch.spec.whatwg.org/#headers-class */
#ifndef FN_WEB_HEADERS_H
#define FN_WEB_HEADERS_H

#include "web/fetch/host.h"

typedef enum {
    FN_GUARD_NONE,
    FN_GUARD_REQUEST,
    FN_GUARD_REQUEST_NO_CORS,
    FN_GUARD_RESPONSE,
    FN_GUARD_IMMUTABLE
} fn_guard;

fn_headers *fn_headers_ref(fn_headers *headers);
fn_headers *fn_headers_copy(const fn_headers *headers);
int fn_headers_set(fn_headers *headers, const char *name, size_t name_len, const uint8_t *value,
                   size_t value_len);
int fn_headers_delete(fn_headers *headers, const char *name, size_t name_len);
bool fn_headers_has(const fn_headers *headers, const char *name, size_t name_len);
/* All entries sorted by name, and the index at which each step of a script's iteration begins: the
 * first entry of each name, and every set-cookie. One more index marks the end. */
typedef struct {
    uint32_t *entries; /* NULL when not yet built */
    uint32_t *stops;
    uint32_t count;
} fn_order;
/* NULL when out of memory. The list owns it; it is valid until the list changes. */
const fn_order *fn_headers_sorted(fn_headers *headers);
/* The values of the entries at one step, joined by ", "; NULL when out of memory. Free with
 * fn_free. */
uint8_t *fn_order_join(const fn_headers *headers, const fn_order *order, uint32_t stop,
                       size_t *len);
/* The values of a name, joined by ", "; NULL when there are none, or with `*len` SIZE_MAX when out
 * of memory. Free with fn_free. */
uint8_t *fn_headers_combined(const fn_headers *headers, const char *name, size_t name_len,
                             size_t *len);
/* Is it a token, as names of headers and methods must be? */
bool fn_is_token(const char *bytes, size_t len);
/* Removes what a request of the mode no-cors may not have. 0, or -1 with an exception. */
int fn_headers_keep_no_cors(JSContext *ctx, fn_headers *list);
/* A Headers object that shares the list. */
JSValue fn_headers_object(JSContext *ctx, fn_headers *list, fn_guard guard);
/* Appends the pairs of a HeadersInit. */
int fn_headers_fill(JSContext *ctx, fn_headers *list, JSValueConst init);
/* Appends content-type unless the list has one. */
int fn_headers_default_type(JSContext *ctx, fn_headers *list, const char *type, size_t len);

#endif
