/* HKDF and PBKDF2. */
#include "web/crypto/crypto.h"
#include "web/idl/idl.h"

#include "mbedtls/hkdf.h"
#include "mbedtls/pkcs5.h"

/* (name of the hash, key, salt, info, number of bytes) */
static JSValue hkdf(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes salt, info;
    uint32_t len;
    uint8_t *out;
    const mbedtls_md_info_t *md = fn_hash_get(ctx, FN_ARG(0));
    const fn_key *key = md == NULL ? NULL : fn_key_get(ctx, FN_ARG(1), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(2), &salt) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(3), &info) < 0 || fn_crypto_uint(ctx, FN_ARG(4), &len) < 0) {
        return JS_EXCEPTION;
    }
    if (len > 255u * mbedtls_md_get_size(md)) {
        return fn_crypto_fail(ctx, "OperationError", "HKDF cannot derive this many bits");
    }
    JSValue buffer = fn_crypto_output(ctx, len, &out);
    if (JS_IsException(buffer) || len == 0) {
        return buffer;
    }
    return fn_crypto_done(ctx,
                          mbedtls_hkdf(md, salt.at, salt.len, key->secret.bytes, key->secret.len,
                                       info.at, info.len, out, len),
                          buffer);
}

/* (name of the hash, key, salt, iterations, number of bytes) */
static JSValue pbkdf2(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes salt;
    uint32_t iterations, len;
    uint8_t *out;
    const mbedtls_md_info_t *md = fn_hash_get(ctx, FN_ARG(0));
    const fn_key *key = md == NULL ? NULL : fn_key_get(ctx, FN_ARG(1), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(2), &salt) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(3), &iterations) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(4), &len) < 0) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, len, &out);
    if (JS_IsException(buffer) || len == 0) {
        return buffer;
    }
    return fn_crypto_done(ctx,
                          mbedtls_pkcs5_pbkdf2_hmac_ext(mbedtls_md_get_type(md), key->secret.bytes,
                                                        key->secret.len, salt.at, salt.len,
                                                        iterations, len, out),
                          buffer);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("hkdf", 5, hkdf),
    JS_CFUNC_DEF("pbkdf2", 5, pbkdf2),
};
const fn_functions fn_kdf_functions = {functions, FN_COUNT(functions)};
