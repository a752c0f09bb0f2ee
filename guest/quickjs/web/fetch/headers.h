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
/* All entries sorted by name, and where in them each stop of a script's iteration begins: the first
 * of each name, and every set-cookie. One more stop is the end. */
typedef struct {
    uint32_t *entries; /* NULL: none was made */
    uint32_t *stops;
    uint32_t count;
} fn_order;
/* NULL when out of memory; stays the list's until that changes. */
const fn_order *fn_headers_sorted(fn_headers *headers);
/* Values of the entries at one stop, joined by ", "; NULL when out of memory. fn_free. */
uint8_t *fn_order_join(const fn_headers *headers, const fn_order *order, uint32_t stop,
                       size_t *len);
/* Values of a name joined by ", "; NULL without any (or out of memory, `*len` SIZE_MAX). fn_free.
 */
uint8_t *fn_headers_combined(const fn_headers *headers, const char *name, size_t name_len,
                             size_t *len);
/* Is it a token, as names of headers and methods must be? */
bool fn_is_token(const char *bytes, size_t len);
/* Removes what a request of the mode no-cors may not have. 0, or -1 with an exception. */
int fn_headers_keep_no_cors(JSContext *ctx, fn_headers *list);
/* A Headers object over a list, which it shares. */
JSValue fn_headers_object(JSContext *ctx, fn_headers *list, fn_guard guard);
/* Appends what HeadersInit holds. */
int fn_headers_fill(JSContext *ctx, fn_headers *list, JSValueConst init);
/* Appends content-type unless there is one. */
int fn_headers_default_type(JSContext *ctx, fn_headers *list, const char *type, size_t len);

#endif
