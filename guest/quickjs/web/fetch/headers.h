/* Header lists and the Headers interface: https://fetch.spec.whatwg.org/#headers-class */
#ifndef FN_WEB_HEADERS_H
#define FN_WEB_HEADERS_H

#include "web/internal.h"

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
/* 0 or a negative errno. */
int fn_order_make(const fn_headers *headers, fn_order *order);
void fn_order_free(fn_order *order);
/* Values of the entries at one stop, joined by ", "; NULL when out of memory. fn_free. */
uint8_t *fn_order_join(const fn_headers *headers, const fn_order *order, uint32_t stop,
                       size_t *len);
/* Values of a name joined by ", "; NULL without any (or out of memory, `*len` SIZE_MAX). fn_free.
 */
uint8_t *fn_headers_combined(const fn_headers *headers, const char *name, size_t name_len,
                             size_t *len);
/* A name and a value as they were given, checked. 0, or -1 with an exception. */
typedef struct {
    fn_text name, value;
    const char *at; /* the value without the white space around it */
    size_t len;
} fn_field;
bool fn_field_is_token(const char *bytes, size_t len);
int fn_field_name(JSContext *ctx, const fn_text *name);
int fn_field_read(JSContext *ctx, fn_field *f, JSValueConst name, JSValueConst value);
void fn_field_free(JSContext *ctx, fn_field *f);
/* headers_no_cors.c: may a request of the mode no-cors have it? The last one takes out what not. */
bool fn_no_cors_name(const char *name, size_t len);
bool fn_no_cors_field(const char *name, size_t name_len, const uint8_t *value, size_t len);
int fn_headers_keep_no_cors(JSContext *ctx, fn_headers *list);
/* A Headers object over a list, which it shares. */
JSValue fn_headers_object(JSContext *ctx, fn_headers *list, fn_guard guard);
/* Appends what HeadersInit holds. */
int fn_headers_fill(JSContext *ctx, fn_headers *list, JSValueConst init);
/* Appends content-type unless there is one. */
int fn_headers_default_type(JSContext *ctx, fn_headers *list, const char *type, size_t len);

#endif
