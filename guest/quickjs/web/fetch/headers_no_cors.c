/* What a request of the mode no-cors may carry:
 * https://fetch.spec.whatwg.org/#no-cors-safelisted-request-header */
#include "web/fetch/headers.h"

#include <string.h>
#include <strings.h>

#define MAX_VALUE 128

static bool is(const char *name, size_t len, const char *other) {
    return strlen(other) == len && strncasecmp(name, other, len) == 0;
}

bool fn_no_cors_name(const char *name, size_t len) {
    return is(name, len, "accept") || is(name, len, "accept-language") ||
           is(name, len, "content-language") || is(name, len, "content-type");
}

static bool has_unsafe_byte(const uint8_t *value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f ||
            (value[i] != '\0' && strchr("\"():<>?@[\\]{}", value[i]) != NULL)) {
            return true;
        }
    }
    return false;
}

static bool is_language(const uint8_t *value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        uint8_t c = value[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == '\0' || strchr(" *,-.;=", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool is_form_type(const uint8_t *value, size_t len) {
    const uint8_t *end = memchr(value, ';', len);
    const char *type = (const char *)value;
    len = end == NULL ? len : (size_t)(end - value);
    while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t')) {
        len--;
    }
    return is(type, len, "application/x-www-form-urlencoded") ||
           is(type, len, "multipart/form-data") || is(type, len, "text/plain");
}

bool fn_no_cors_field(const char *name, size_t name_len, const uint8_t *value, size_t len) {
    if (len > MAX_VALUE || !fn_no_cors_name(name, name_len)) {
        return false;
    }
    if (is(name, name_len, "accept-language") || is(name, name_len, "content-language")) {
        return is_language(value, len);
    }
    return !has_unsafe_byte(value, len) &&
           (is(name, name_len, "accept") || is_form_type(value, len));
}

int fn_headers_keep_no_cors(JSContext *ctx, fn_headers *list) {
    for (size_t i = 0; i < fn_headers_count(list);) {
        const char *name;
        const uint8_t *value;
        size_t name_len, len;
        fn_headers_at(list, i, &name, &name_len, &value, &len);
        uint8_t *all = fn_headers_combined(list, name, name_len, &len);
        if (all == NULL) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
        bool keep = fn_no_cors_field(name, name_len, all, len);
        fn_free(all);
        if (keep) {
            i++;
        } else if (fn_headers_delete(list, name, name_len) != 0) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
    }
    return 0;
}
