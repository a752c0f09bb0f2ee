/* Operations with RSA keys: PKCS #1 v1.5 and PSS signatures, OAEP encryption. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include "mbedtls/platform_util.h"

#define MAX_LEN MBEDTLS_MPI_MAX_SIZE

typedef struct {
    fn_key *key;
    mbedtls_md_type_t md;
    unsigned hash_len;
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    uint32_t salt_len;
} job;

/* (key, hash, data, length of the salt, or undefined for PKCS #1 v1.5) */
static int read_job(JSContext *ctx, int argc, JSValueConst *argv, job *j, bool pss) {
    fn_bytes data;
    j->salt_len = 0;
    j->key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    const mbedtls_md_info_t *md = j->key == NULL ? NULL : fn_hash_get(ctx, FN_ARG(1));
    if (md == NULL || fn_crypto_bytes(ctx, FN_ARG(2), &data) < 0 ||
        (pss && fn_crypto_uint(ctx, FN_ARG(3), &j->salt_len) < 0)) {
        return -1;
    }
    j->md = mbedtls_md_get_type(md);
    j->hash_len = mbedtls_md_get_size(md);
    int err = mbedtls_md(md, data.at, data.len, j->hash);
    err = err != 0 ? err
                   : mbedtls_rsa_set_padding(&j->key->rsa,
                                             pss ? MBEDTLS_RSA_PKCS_V21 : MBEDTLS_RSA_PKCS_V15,
                                             pss ? j->md : MBEDTLS_MD_NONE);
    if (err != 0) {
        fn_crypto_fail(ctx, "OperationError", "cannot hash the data");
    }
    return err != 0 ? -1 : 0;
}

/* The encoded message has one bit less than the modulus; the salt must fit in. */
static bool salt_fits(const job *j) {
    size_t bits = mbedtls_rsa_get_bitlen(&j->key->rsa);
    return (uint64_t)j->salt_len + j->hash_len + 2 <= (bits + 6) / 8;
}

static JSValue rsa_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                        int pss) {
    (void)this_val;
    job j;
    uint8_t *out;
    if (fn_key_get_private(ctx, FN_ARG(0), FN_KEY_RSA) == NULL ||
        read_job(ctx, argc, argv, &j, pss) < 0) {
        return JS_EXCEPTION;
    }
    if (pss && !salt_fits(&j)) {
        return fn_crypto_fail(ctx, "OperationError", "the key is too short for hash and salt");
    }
    JSValue buffer = fn_crypto_output(ctx, mbedtls_rsa_get_len(&j.key->rsa), &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    int err = pss ? mbedtls_rsa_rsassa_pss_sign_ext(&j.key->rsa, fn_crypto_random, NULL, j.md,
                                                    j.hash_len, j.hash, (int)j.salt_len, out)
                  : mbedtls_rsa_pkcs1_sign(&j.key->rsa, fn_crypto_random, NULL, j.md, j.hash_len,
                                           j.hash, out);
    return fn_crypto_done(ctx, err, buffer);
}

/* The same, followed by the signature. */
static JSValue rsa_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int pss) {
    (void)this_val;
    job j;
    fn_bytes given;
    if (read_job(ctx, argc, argv, &j, pss) < 0 || fn_crypto_bytes(ctx, FN_ARG(4), &given) < 0) {
        return JS_EXCEPTION;
    }
    if (given.len != mbedtls_rsa_get_len(&j.key->rsa) || (pss && !salt_fits(&j))) {
        return JS_FALSE;
    }
    int err = pss ? mbedtls_rsa_rsassa_pss_verify_ext(&j.key->rsa, j.md, j.hash_len, j.hash, j.md,
                                                      (int)j.salt_len, given.at)
                  : mbedtls_rsa_pkcs1_verify(&j.key->rsa, j.md, j.hash_len, j.hash, given.at);
    return JS_NewBool(ctx, err == 0);
}

/* (key, hash, data, label) */
static int read_oaep(JSContext *ctx, int argc, JSValueConst *argv, fn_key **key, fn_bytes *data,
                     fn_bytes *label) {
    *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    const mbedtls_md_info_t *md = *key == NULL ? NULL : fn_hash_get(ctx, FN_ARG(1));
    if (md == NULL || fn_crypto_bytes(ctx, FN_ARG(2), data) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(3), label) < 0) {
        return -1;
    }
    if (mbedtls_rsa_set_padding(&(*key)->rsa, MBEDTLS_RSA_PKCS_V21, mbedtls_md_get_type(md)) != 0) {
        fn_crypto_fail(ctx, "OperationError", "the hash cannot be used");
        return -1;
    }
    return 0;
}

static JSValue oaep_encrypt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_key *key;
    fn_bytes data, label;
    uint8_t *out;
    if (read_oaep(ctx, argc, argv, &key, &data, &label) < 0) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, mbedtls_rsa_get_len(&key->rsa), &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    int err = mbedtls_rsa_rsaes_oaep_encrypt(&key->rsa, fn_crypto_random, NULL, label.at, label.len,
                                             data.len, data.at, out);
    return fn_crypto_done(ctx, err, buffer);
}

static JSValue oaep_decrypt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_key *key;
    fn_bytes data, label;
    uint8_t out[MAX_LEN];
    size_t len = 0;
    if (fn_key_get_private(ctx, FN_ARG(0), FN_KEY_RSA) == NULL ||
        read_oaep(ctx, argc, argv, &key, &data, &label) < 0) {
        return JS_EXCEPTION;
    }
    if (data.len != mbedtls_rsa_get_len(&key->rsa)) {
        return fn_crypto_fail(ctx, "OperationError", "the data must have the length of the key");
    }
    int err = mbedtls_rsa_rsaes_oaep_decrypt(&key->rsa, fn_crypto_random, NULL, label.at, label.len,
                                             &len, data.at, out, sizeof(out));
    JSValue buffer = err == 0 ? fn_array_buffer(ctx, out, len) : JS_UNDEFINED;
    mbedtls_platform_zeroize(out, sizeof(out));
    return fn_crypto_done(ctx, err, buffer);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("rsaSign", 3, rsa_sign, false),
    JS_CFUNC_MAGIC_DEF("rsaVerify", 5, rsa_verify, false),
    JS_CFUNC_MAGIC_DEF("pssSign", 4, rsa_sign, true),
    JS_CFUNC_MAGIC_DEF("pssVerify", 5, rsa_verify, true),
    JS_CFUNC_DEF("oaepEncrypt", 4, oaep_encrypt),
    JS_CFUNC_DEF("oaepDecrypt", 4, oaep_decrypt),
};
const fn_functions fn_rsa_use_functions = {functions, FN_COUNT(functions)};
