/* A header's name and value as a script gives them, checked and normalised. */
#include "web/fetch/headers.h"

#include <string.h>

bool fn_field_is_token(const char *bytes, size_t len) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || strchr(others, c) == NULL)) {
            return false;
        }
    }
    return len > 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void fn_field_free(JSContext *ctx, fn_field *f) {
    fn_text_free(ctx, &f->name);
    fn_text_free(ctx, &f->value);
}

int fn_field_name(JSContext *ctx, const fn_text *name) {
    if (!fn_field_is_token(name->bytes, name->len)) {
        JS_ThrowTypeError(ctx, "Headers: invalid header name");
        return -1;
    }
    return 0;
}

static int check_value(JSContext *ctx, fn_field *f) {
    f->at = f->value.bytes;
    f->len = f->value.len;
    while (f->len > 0 && is_space(f->at[0])) {
        f->at++;
        f->len--;
    }
    while (f->len > 0 && is_space(f->at[f->len - 1])) {
        f->len--;
    }
    if (memchr(f->at, '\0', f->len) != NULL || memchr(f->at, '\r', f->len) != NULL ||
        memchr(f->at, '\n', f->len) != NULL) {
        JS_ThrowTypeError(ctx, "Headers: invalid header value");
        return -1;
    }
    return 0;
}

int fn_field_read(JSContext *ctx, fn_field *f, JSValueConst name, JSValueConst value) {
    *f = (fn_field){0};
    if (fn_text_bytes(ctx, &f->name, name) < 0) {
        return -1;
    }
    if (fn_text_bytes(ctx, &f->value, value) < 0 || fn_field_name(ctx, &f->name) < 0 ||
        check_value(ctx, f) < 0) {
        fn_field_free(ctx, f);
        return -1;
    }
    return 0;
}
