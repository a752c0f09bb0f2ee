/* RSA keys: generated, read and written. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include "mbedtls/platform_util.h"
#include "rsa_alt_helpers.h"
#include "rsa_internal.h"

#define MAX_NUMBER MBEDTLS_MPI_MAX_SIZE /* bytes */
#define MAX_EXPONENT_BITS 64            /* bounds the time of a public operation */

enum { N, E, D, P, Q, DP, DQ, QP, NUMBERS };
#define PUBLIC_NUMBERS 2

typedef struct {
    mbedtls_mpi at[NUMBERS];
} numbers;

static void numbers_init(numbers *list) {
    for (int i = 0; i < NUMBERS; i++) {
        mbedtls_mpi_init(&list->at[i]);
    }
}

static void numbers_free(numbers *list) {
    for (int i = 0; i < NUMBERS; i++) {
        mbedtls_mpi_free(&list->at[i]);
    }
}

static int check(const fn_key *key) {
    if (mbedtls_mpi_bitlen(&key->rsa.E) > MAX_EXPONENT_BITS) {
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    return key->private ? mbedtls_rsa_check_privkey(&key->rsa)
                        : mbedtls_rsa_check_pubkey(&key->rsa);
}

static JSValue keep(JSContext *ctx, fn_key *key, int err, const char *error) {
    if (err == 0) {
        return fn_key_object(ctx, key);
    }
    fn_key_free(key);
    return fn_crypto_fail(ctx, error, "not an RSA key that can be used");
}

/* (bits of the modulus, public exponent) */
static JSValue rsa_generate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint32_t bits, exponent;
    if (fn_crypto_uint(ctx, FN_ARG(0), &bits) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(1), &exponent) < 0) {
        return JS_EXCEPTION;
    }
    /* With an even exponent the search would never end. */
    if (bits > MAX_NUMBER * 8 || exponent > INT32_MAX || exponent % 2 == 0) {
        return fn_crypto_fail(ctx, "OperationError",
                              "RSA keys with these parameters are not supported");
    }
    fn_key *key = fn_key_new(ctx, FN_KEY_RSA);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    key->private = true;
    int err = mbedtls_rsa_gen_key(&key->rsa, fn_crypto_random, NULL, bits, (int)exponent);
    return keep(ctx, key, err, "OperationError");
}

/* (DER of an RSAPublicKey or RSAPrivateKey) */
static JSValue rsa_import(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                          int private) {
    (void)this_val;
    fn_bytes der;
    fn_key *key = NULL;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &der) < 0 || (key = fn_key_new(ctx, FN_KEY_RSA)) == NULL) {
        return JS_EXCEPTION;
    }
    key->private = private;
    int err =
        (private ? mbedtls_rsa_parse_key : mbedtls_rsa_parse_pubkey)(&key->rsa, der.at, der.len);
    return keep(ctx, key, err != 0 ? err : check(key), "DataError");
}

static int import_numbers(fn_key *key, const numbers *list, bool all) {
    const mbedtls_mpi *n = list->at;
    mbedtls_rsa_context *rsa = &key->rsa;
    int err = mbedtls_rsa_import(rsa, &n[N], all ? &n[P] : NULL, all ? &n[Q] : NULL,
                                 key->private ? &n[D] : NULL, &n[E]);
    err = err != 0 ? err : mbedtls_rsa_complete(rsa);
    err = err != 0 ? err : check(key);
    if (err == 0 && all) {
        err = mbedtls_rsa_validate_crt(&n[P], &n[Q], &n[D], &n[DP], &n[DQ], &n[QP]);
    }
    return err;
}

/* Reads those of n, e, d, p, q, dp, dq, qi that are given. 0, -1 with an exception, or 1 when one
 * is invalid. */
static int read_numbers(JSContext *ctx, int argc, JSValueConst *argv, numbers *list) {
    for (int i = 0; i < argc; i++) {
        fn_bytes bytes;
        if (fn_crypto_bytes(ctx, argv[i], &bytes) < 0) {
            return -1;
        }
        if (bytes.len > MAX_NUMBER ||
            mbedtls_mpi_read_binary(&list->at[i], bytes.at, bytes.len) != 0 ||
            mbedtls_mpi_cmp_int(&list->at[i], 0) ==
                0) { /* 0 means to mbedTLS that it is not given */
            return 1;
        }
    }
    return 0;
}

/* (n, e), (n, e, d) or (n, e, d, p, q, dp, dq, qi): big-endian bytes */
static JSValue rsa_import_numbers(JSContext *ctx, JSValueConst this_val, int argc,
                                  JSValueConst *argv) {
    (void)this_val;
    if (argc != PUBLIC_NUMBERS && argc != PUBLIC_NUMBERS + 1 && argc != NUMBERS) {
        return JS_ThrowTypeError(ctx, "the numbers do not form an RSA key");
    }
    fn_key *key = fn_key_new(ctx, FN_KEY_RSA);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    key->private = argc > PUBLIC_NUMBERS;
    numbers list;
    numbers_init(&list);
    int err = read_numbers(ctx, argc, argv, &list);
    bool thrown = err < 0;
    err = err != 0 ? err : import_numbers(key, &list, argc == NUMBERS);
    numbers_free(&list);
    if (thrown) {
        fn_key_free(key);
        return JS_EXCEPTION;
    }
    return keep(ctx, key, err, "DataError");
}

/* (key): the public half as a separate key. */
static JSValue rsa_public(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *from = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    fn_key *key = from == NULL ? NULL : fn_key_new(ctx, FN_KEY_RSA);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    int err = mbedtls_rsa_import(&key->rsa, &from->rsa.N, NULL, NULL, NULL, &from->rsa.E);
    return keep(ctx, key, err != 0 ? err : mbedtls_rsa_complete(&key->rsa), "OperationError");
}

static JSValue number(JSContext *ctx, const mbedtls_mpi *value) {
    uint8_t *out;
    size_t len = mbedtls_mpi_size(value);
    JSValue buffer = fn_crypto_output(ctx, len, &out);
    return JS_IsException(buffer)
               ? buffer
               : fn_crypto_done(ctx, mbedtls_mpi_write_binary(value, out, len), buffer);
}

/* (key): its numbers, in the order of rsaImportNumbers. */
static JSValue rsa_numbers(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    numbers list;
    numbers_init(&list);
    mbedtls_mpi *n = list.at;
    int err = key->private ? mbedtls_rsa_export(&key->rsa, &n[N], &n[P], &n[Q], &n[D], &n[E])
                           : mbedtls_rsa_export(&key->rsa, &n[N], NULL, NULL, NULL, &n[E]);
    err =
        err != 0 || !key->private ? err : mbedtls_rsa_export_crt(&key->rsa, &n[DP], &n[DQ], &n[QP]);
    JSValue values[NUMBERS];
    int count = err != 0 ? 0 : key->private ? NUMBERS : PUBLIC_NUMBERS;
    for (int i = 0; i < count; i++) {
        values[i] = number(ctx, &n[i]);
    }
    numbers_free(&list);
    return fn_crypto_done(ctx, err, JS_NewArrayFrom(ctx, count, values));
}

/* (key): an ArrayBuffer of its RSAPrivateKey or RSAPublicKey. */
static JSValue rsa_write(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    size_t room = NUMBERS * (mbedtls_rsa_get_len(&key->rsa) + 8); /* each with its header */
    uint8_t *start = js_malloc(ctx, room);
    if (start == NULL) {
        return JS_EXCEPTION;
    }
    uint8_t *at = start + room;
    int len =
        (key->private ? mbedtls_rsa_write_key : mbedtls_rsa_write_pubkey)(&key->rsa, start, &at);
    JSValue buffer = len < 0 ? JS_UNDEFINED : fn_array_buffer(ctx, at, (size_t)len);
    mbedtls_platform_zeroize(start, room);
    js_free(ctx, start);
    return fn_crypto_done(ctx, len < 0 ? len : 0, buffer);
}

/* (key) */
static JSValue rsa_bits(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_RSA);
    return key == NULL ? JS_EXCEPTION
                       : JS_NewInt64(ctx, (int64_t)mbedtls_rsa_get_bitlen(&key->rsa));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("rsaGenerate", 2, rsa_generate),
    JS_CFUNC_MAGIC_DEF("rsaImportPublic", 1, rsa_import, false),
    JS_CFUNC_MAGIC_DEF("rsaImportPrivate", 1, rsa_import, true),
    JS_CFUNC_DEF("rsaImportNumbers", 8, rsa_import_numbers),
    JS_CFUNC_DEF("rsaPublic", 1, rsa_public),
    JS_CFUNC_DEF("rsaNumbers", 1, rsa_numbers),
    JS_CFUNC_DEF("rsaWrite", 1, rsa_write),
    JS_CFUNC_DEF("rsaBits", 1, rsa_bits),
};
const fn_functions fn_rsa_functions = {functions, FN_COUNT(functions)};
