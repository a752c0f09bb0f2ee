/* What the rest of the worker uses of Web Cryptography. */
#ifndef FN_WEB_CRYPTO_H
#define FN_WEB_CRYPTO_H

#include <stdbool.h>
#include "quickjs.h"

int fn_crypto_init(JSContext *ctx);
int fn_crypto_exports_init(JSContext *ctx);
/* Adds the hash functions that node:crypto needs to a module, or with `fill` gives them their
 * values. 0, or -1 with an exception. */
int fn_web_hash_exports(JSContext *ctx, JSModuleDef *module, bool fill);

#endif
