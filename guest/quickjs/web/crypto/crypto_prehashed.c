/* What node:crypto does with RSA and EC keys besides Web Cryptography: signatures of a digest that
 * was made in pieces, and RSA encryption with the padding of PKCS #1 v1.5, or with none. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/ecdsa.h"
#include "mbedtls/platform_util.h"

#define MAX_LEN MBEDTLS_MPI_MAX_SIZE
#define ANY_SALT UINT32_MAX

typedef struct {
    fn_key *key;
    mbedtls_md_type_t md; /* NONE: the digest is signed as it is */
    fn_bytes digest;
    bool pss;
    uint32_t salt_len; /* ANY_SALT: whatever the signature has */
} job;

/* (key, hash or undefined, digest, length of the salt, or undefined for PKCS #1 v1.5) */
static int read_job(JSContext *ctx, int argc, JSValueConst *argv, job *j) {
    j->key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    j->pss = !JS_IsUndefined(FN_ARG(3));
    j->salt_len = 0;
    j->md = MBEDTLS_MD_NONE;
    if (j->key == NULL) {
        return -1;
    }
    if (!JS_IsUndefined(FN_ARG(1))) {
        const mbedtls_md_info_t *md = fn_hash_get(ctx, FN_ARG(1));
        if (md == NULL) {
            return -1;
        }
        j->md = mbedtls_md_get_type(md);
    }
    if ((j->pss && fn_crypto_uint(ctx, FN_ARG(3), &j->salt_len) < 0) ||
        fn_crypto_bytes(ctx, FN_ARG(2), &j->digest) < 0) {
        return -1;
    }
    if (j->digest.len > MAX_LEN || (j->pss && j->md == MBEDTLS_MD_NONE)) {
        JS_ThrowRangeError(ctx, "not a digest");
        return -1;
    }
    if (mbedtls_rsa_set_padding(&j->key->rsa, j->pss ? MBEDTLS_RSA_PKCS_V21 : MBEDTLS_RSA_PKCS_V15,
                                j->pss ? j->md : MBEDTLS_MD_NONE) != 0) {
        fn_crypto_fail(ctx, "OperationError", "the hash cannot be used");
        return -1;
    }
    return 0;
}

/* The encoded message has one bit less than the modulus; the salt must fit in. */
static bool salt_fits(const job *j) {
    size_t bits = mbedtls_rsa_get_bitlen(&j->key->rsa);
    return (uint64_t)j->salt_len + j->digest.len + 2 <= (bits + 6) / 8;
}

static JSValue rsa_sign_digest(JSContext *ctx, JSValueConst this_val, int argc,
                               JSValueConst *argv) {
    (void)this_val;
    job j;
    uint8_t *out;
    if (fn_key_get_private(ctx, FN_ARG(0), FN_KEY_RSA) == NULL ||
        read_job(ctx, argc, argv, &j) < 0) {
        return JS_EXCEPTION;
    }
    if (j.pss && !salt_fits(&j)) {
        return fn_crypto_fail(ctx, "OperationError", "the key is too short for hash and salt");
    }
    JSValue buffer = fn_crypto_output(ctx, mbedtls_rsa_get_len(&j.key->rsa), &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    unsigned len = (unsigned)j.digest.len;
    int err = j.pss ? mbedtls_rsa_rsassa_pss_sign_ext(&j.key->rsa, fn_crypto_random, NULL, j.md,
                                                      len, j.digest.at, (int)j.salt_len, out)
                    : mbedtls_rsa_pkcs1_sign(&j.key->rsa, fn_crypto_random, NULL, j.md, len,
                                             j.digest.at, out);
    return fn_crypto_done(ctx, err, buffer);
}

/* The same, followed by the signature. */
static JSValue rsa_verify_digest(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    job j;
    fn_bytes given;
    if (read_job(ctx, argc, argv, &j) < 0 || fn_crypto_bytes(ctx, FN_ARG(4), &given) < 0) {
        return JS_EXCEPTION;
    }
    bool any = j.pss && j.salt_len == ANY_SALT;
    if (given.len != mbedtls_rsa_get_len(&j.key->rsa) || (j.pss && !any && !salt_fits(&j))) {
        return JS_FALSE;
    }
    unsigned len = (unsigned)j.digest.len;
    int salt = any ? MBEDTLS_RSA_SALT_LEN_ANY : (int)j.salt_len;
    int err = j.pss ? mbedtls_rsa_rsassa_pss_verify_ext(&j.key->rsa, j.md, len, j.digest.at, j.md,
                                                        salt, given.at)
                    : mbedtls_rsa_pkcs1_verify(&j.key->rsa, j.md, len, j.digest.at, given.at);
    return JS_NewBool(ctx, err == 0);
}

enum { RSA_ENCRYPT, RSA_RAW_PUBLIC, RSA_RAW_PRIVATE };

static int rsa_run(fn_key *key, int what, fn_bytes in, uint8_t out[MAX_LEN]) {
    mbedtls_rsa_context *rsa = &key->rsa;
    switch (what) {
    case RSA_ENCRYPT:
        return mbedtls_rsa_pkcs1_encrypt(rsa, fn_crypto_random, NULL, in.len, in.at, out);
    case RSA_RAW_PUBLIC:
        return mbedtls_rsa_public(rsa, in.at, out);
    default:
        return mbedtls_rsa_private(rsa, fn_crypto_random, NULL, in.at, out);
    }
}

/* (key, bytes): an ArrayBuffer. The raw operations need bytes of the length of the key. */
static JSValue rsa_crypt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                         int what) {
    (void)this_val;
    uint8_t out[MAX_LEN];
    fn_bytes in;
    fn_key *key = what == RSA_RAW_PRIVATE ? fn_key_get_private(ctx, FN_ARG(0), FN_KEY_RSA)
                                          : fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &in) < 0) {
        return JS_EXCEPTION;
    }
    size_t key_len = mbedtls_rsa_get_len(&key->rsa);
    if (key_len > MAX_LEN || (what == RSA_ENCRYPT ? in.len > key_len : in.len != key_len)) {
        return fn_crypto_fail(ctx, "OperationError", "the data does not have the key's length");
    }
    int err = mbedtls_rsa_set_padding(&key->rsa, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_NONE);
    err = err != 0 ? err : rsa_run(key, what, in, out);
    JSValue buffer = err == 0 ? fn_array_buffer(ctx, out, key_len) : JS_UNDEFINED;
    mbedtls_platform_zeroize(out, sizeof(out));
    return fn_crypto_done(ctx, err, buffer);
}

/* (key, digest): r and s, each with the length of the curve's order. */
static JSValue ec_sign_digest(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes digest;
    fn_key *key = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_EC);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &digest) < 0) {
        return JS_EXCEPTION;
    }
    return fn_ec_sign_digest(ctx, &key->ec, digest.at, digest.len);
}

/* (key, digest, r and s) */
static JSValue ec_verify_digest(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv) {
    (void)this_val;
    fn_bytes digest, given;
    fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_EC);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &digest) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &given) < 0) {
        return JS_EXCEPTION;
    }
    return JS_NewBool(ctx, fn_ec_verify_digest(&key->ec, digest.at, digest.len, given));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("rsaSignDigest", 4, rsa_sign_digest),
    JS_CFUNC_DEF("rsaVerifyDigest", 5, rsa_verify_digest),
    JS_CFUNC_MAGIC_DEF("rsaEncrypt", 2, rsa_crypt, RSA_ENCRYPT),
    JS_CFUNC_MAGIC_DEF("rsaRawPublic", 2, rsa_crypt, RSA_RAW_PUBLIC),
    JS_CFUNC_MAGIC_DEF("rsaRawPrivate", 2, rsa_crypt, RSA_RAW_PRIVATE),
    JS_CFUNC_DEF("ecSignDigest", 2, ec_sign_digest),
    JS_CFUNC_DEF("ecVerifyDigest", 3, ec_verify_digest),
};
const fn_functions fn_prehashed_functions = {functions, FN_COUNT(functions)};
