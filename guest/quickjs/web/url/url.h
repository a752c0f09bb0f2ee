/* The part of URL that other Web APIs use. */
#ifndef FN_WEB_URL_H
#define FN_WEB_URL_H

#include <stdbool.h>
#include <stddef.h>
#include "quickjs.h"

int fn_url_init(JSContext *ctx);
int fn_params_init(JSContext *ctx);
/* Creates the constructor of URLPattern. */
JSValue fn_url_pattern_make(JSContext *ctx);
/* The serialized URL, or null when `input` is not a valid URL. */
JSValue fn_url_normalize(JSContext *ctx, const char *input, size_t len);
/* Throws the error of `new URL(...argv)`, with the code and the texts that it has in Node. */
JSValue fn_url_throw_invalid(JSContext *ctx, int argc, JSValueConst *argv);
bool fn_url_has_credentials(const char *href, size_t len);
bool fn_is_params(JSValueConst value);
/* A URLSearchParams as application/x-www-form-urlencoded. */
JSValue fn_params_text(JSContext *ctx, JSValueConst params);

#endif
