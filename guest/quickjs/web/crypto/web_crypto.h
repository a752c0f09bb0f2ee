/* The part of Web Cryptography that the rest of the worker uses. */
#ifndef FN_WEB_CRYPTO_H
#define FN_WEB_CRYPTO_H

#include <stdbool.h>
#include "quickjs.h"

int fn_crypto_init(JSContext *ctx);
int fn_crypto_exports_init(JSContext *ctx);
/* Adds the hash functions for node:crypto to a module, or with `fill` sets their values. 0, or -1
 * with an exception. */
int fn_web_hash_exports(JSContext *ctx, JSModuleDef *module, bool fill);
/* The same for what node:crypto has besides hashes. */
int fn_web_node_crypto_exports(JSContext *ctx, JSModuleDef *module, bool fill);

#endif
