/* Ed25519 and X25519. */
#include "core/host.h"
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/platform_util.h"

static fn_key_kind kind_of(int x25519) {
    return x25519 ? FN_KEY_X25519 : FN_KEY_ED25519;
}

/* A key with the public half only or, if `private` is given, with both. */
static JSValue new_key(JSContext *ctx, int x25519, const uint8_t *private, const uint8_t *public) {
    fn_key *key = fn_key_new(ctx, kind_of(x25519));
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    int err = 0;
    if (private == NULL) {
        memcpy(key->okp.public, public, 32);
    } else {
        key->private = true;
        memcpy(key->okp.secret, private, 32);
        err = (x25519 ? fn_x25519_public : fn_ed25519_public)(private, key->okp.public);
    }
    if (err != 0) {
        fn_key_free(key);
        return fn_crypto_fail(ctx, "DataError", "not a key of this curve");
    }
    return fn_key_object(ctx, key);
}

static JSValue okp_generate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                            int x25519) {
    (void)this_val;
    (void)argc;
    (void)argv;
    uint8_t secret[32];
    if (fn_host_random(secret, sizeof(secret)) != 0) {
        return fn_crypto_fail(ctx, "OperationError", "cannot read random bytes from the system");
    }
    JSValue key = new_key(ctx, x25519, secret, NULL);
    mbedtls_platform_zeroize(secret, sizeof(secret));
    return key;
}

enum { ED_PUBLIC, X_PUBLIC, ED_PRIVATE, X_PRIVATE };

/* (32 bytes) */
static JSValue okp_import(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int what) {
    (void)this_val;
    fn_bytes bytes;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    if (bytes.len != 32) {
        return fn_crypto_fail(ctx, "DataError", "not a key of 32 bytes");
    }
    int x25519 = what == X_PUBLIC || what == X_PRIVATE;
    return what == ED_PUBLIC || what == X_PUBLIC ? new_key(ctx, x25519, NULL, bytes.at)
                                                 : new_key(ctx, x25519, bytes.at, NULL);
}

/* (key): an ArrayBuffer of its public half. */
static JSValue okp_public(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int x25519) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), kind_of(x25519));
    return key == NULL ? JS_EXCEPTION : fn_array_buffer(ctx, key->okp.public, 32);
}

static JSValue okp_secret(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int x25519) {
    (void)this_val;
    const fn_key *key = fn_key_get_private(ctx, FN_ARG(0), kind_of(x25519));
    return key == NULL ? JS_EXCEPTION : fn_array_buffer(ctx, key->okp.secret, 32);
}

/* (key, data) */
static JSValue ed_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes data;
    uint8_t signature[64];
    const fn_key *key = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_ED25519);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0) {
        return JS_EXCEPTION;
    }
    int err = fn_ed25519_sign(key->okp.secret, key->okp.public, data.at, data.len, signature);
    return fn_crypto_done(ctx, err, fn_array_buffer(ctx, signature, sizeof(signature)));
}

/* (key, data, signature) */
static JSValue ed_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes data, signature;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_ED25519);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &signature) < 0) {
        return JS_EXCEPTION;
    }
    return JS_NewBool(ctx, signature.len == 64 && fn_ed25519_verify(key->okp.public, data.at,
                                                                    data.len, signature.at) == 0);
}

/* (private key, public key): the shared secret. */
static JSValue x_derive(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *own = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_X25519);
    const fn_key *peer = own == NULL ? NULL : fn_key_get(ctx, FN_ARG(1), FN_KEY_X25519);
    uint8_t shared[32];
    if (peer == NULL) {
        return JS_EXCEPTION;
    }
    if (fn_x25519(own->okp.secret, peer->okp.public, shared) != 0) {
        return fn_crypto_fail(ctx, "OperationError", "the public key is of small order");
    }
    return fn_array_buffer(ctx, shared, sizeof(shared));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("edGenerate", 0, okp_generate, false),
    JS_CFUNC_MAGIC_DEF("xGenerate", 0, okp_generate, true),
    JS_CFUNC_MAGIC_DEF("edImportPublic", 1, okp_import, ED_PUBLIC),
    JS_CFUNC_MAGIC_DEF("xImportPublic", 1, okp_import, X_PUBLIC),
    JS_CFUNC_MAGIC_DEF("edImportPrivate", 1, okp_import, ED_PRIVATE),
    JS_CFUNC_MAGIC_DEF("xImportPrivate", 1, okp_import, X_PRIVATE),
    JS_CFUNC_MAGIC_DEF("edPublic", 1, okp_public, false),
    JS_CFUNC_MAGIC_DEF("xPublic", 1, okp_public, true),
    JS_CFUNC_MAGIC_DEF("edSecret", 1, okp_secret, false),
    JS_CFUNC_MAGIC_DEF("xSecret", 1, okp_secret, true),
    JS_CFUNC_DEF("edSign", 2, ed_sign),
    JS_CFUNC_DEF("edVerify", 3, ed_verify),
    JS_CFUNC_DEF("xDerive", 2, x_derive),
};
const fn_functions fn_okp_functions = {functions, FN_COUNT(functions)};
