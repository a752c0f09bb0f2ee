/* ECDSA and ECDH on the NIST curves and secp256k1. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/ecdh.h"
#include "mbedtls/ecdsa.h"

#define MAX_POINT (2 * MBEDTLS_ECP_MAX_BYTES + 1)

static const struct {
    const char *name;
    mbedtls_ecp_group_id id;
} curves[] = {
    {"P-256", MBEDTLS_ECP_DP_SECP256R1},
    {"P-384", MBEDTLS_ECP_DP_SECP384R1},
    {"P-521", MBEDTLS_ECP_DP_SECP521R1},
    {"secp256k1", MBEDTLS_ECP_DP_SECP256K1}, /* only for node:crypto */
};

/* A key of this curve that has neither half yet. NULL with an exception. */
static fn_key *new_key(JSContext *ctx, JSValueConst curve) {
    const char *name = JS_ToCString(ctx, curve);
    if (name == NULL) {
        return NULL;
    }
    mbedtls_ecp_group_id id = MBEDTLS_ECP_DP_NONE;
    for (int i = 0; i < FN_COUNT(curves); i++) {
        id = strcmp(curves[i].name, name) == 0 ? curves[i].id : id;
    }
    JS_FreeCString(ctx, name);
    if (id == MBEDTLS_ECP_DP_NONE) {
        JS_ThrowTypeError(ctx, "unknown curve");
        return NULL;
    }
    fn_key *key = fn_key_new(ctx, FN_KEY_EC);
    if (key != NULL && mbedtls_ecp_group_load(&key->ec.group, id) != 0) {
        fn_key_free(key);
        fn_crypto_fail(ctx, "OperationError", "the curve is not available");
        return NULL;
    }
    return key;
}

static JSValue keep(JSContext *ctx, fn_key *key, int err, const char *error) {
    if (err == 0) {
        return fn_key_object(ctx, key);
    }
    fn_key_free(key);
    return fn_crypto_fail(ctx, error, "not a key of this curve");
}

static size_t field_size(const fn_ec *ec) {
    return (ec->group.pbits + 7) / 8;
}

static size_t order_size(const fn_ec *ec) {
    return (ec->group.nbits + 7) / 8;
}

/* (curve) */
static JSValue ec_generate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_key *key = new_key(ctx, FN_ARG(0));
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    fn_ec *ec = &key->ec;
    key->private = true;
    int err = mbedtls_ecp_gen_keypair(&ec->group, &ec->d, &ec->q, fn_crypto_random, NULL);
    return keep(ctx, key, err, "OperationError");
}

static int read_point(const fn_ec *ec, mbedtls_ecp_point *point, fn_bytes bytes) {
    int err = mbedtls_ecp_point_read_binary(&ec->group, point, bytes.at, bytes.len);
    return err != 0 ? err : mbedtls_ecp_check_pubkey(&ec->group, point);
}

/* (curve, point): the point may be compressed */
static JSValue ec_import_public(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv) {
    (void)this_val;
    fn_bytes point;
    if (fn_crypto_bytes(ctx, FN_ARG(1), &point) < 0) {
        return JS_EXCEPTION;
    }
    fn_key *key = new_key(ctx, FN_ARG(0));
    return key == NULL ? JS_EXCEPTION
                       : keep(ctx, key, read_point(&key->ec, &key->ec.q, point), "DataError");
}

static int import_private(fn_ec *ec, fn_bytes secret) {
    int err = secret.len > order_size(ec) ? -1 : 0;
    err = err != 0 ? err : mbedtls_mpi_read_binary(&ec->d, secret.at, secret.len);
    err = err != 0 ? err : mbedtls_ecp_check_privkey(&ec->group, &ec->d);
    return err != 0
               ? err
               : mbedtls_ecp_mul(&ec->group, &ec->q, &ec->d, &ec->group.G, fn_crypto_random, NULL);
}

/* Whether the point is the public half of the secret. */
static int check_public(const fn_ec *ec, fn_bytes bytes) {
    mbedtls_ecp_point point;
    mbedtls_ecp_point_init(&point);
    int err = read_point(ec, &point, bytes);
    err = err != 0 ? err : mbedtls_ecp_point_cmp(&point, &ec->q);
    mbedtls_ecp_point_free(&point);
    return err;
}

/* (curve, secret, point or undefined): the point must belong to the secret. */
static JSValue ec_import_private(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    fn_bytes secret, point = {0};
    if (fn_crypto_bytes(ctx, FN_ARG(1), &secret) < 0 ||
        (!JS_IsUndefined(FN_ARG(2)) && fn_crypto_bytes(ctx, FN_ARG(2), &point) < 0)) {
        return JS_EXCEPTION;
    }
    fn_key *key = new_key(ctx, FN_ARG(0));
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    key->private = true;
    int err = import_private(&key->ec, secret);
    err = err != 0 || point.at == NULL ? err : check_public(&key->ec, point);
    return keep(ctx, key, err, "DataError");
}

/* (key): the public half as a separate key. */
static JSValue ec_public(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *from = fn_key_get(ctx, FN_ARG(0), FN_KEY_EC);
    fn_key *key = from == NULL ? NULL : fn_key_new(ctx, FN_KEY_EC);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    int err = mbedtls_ecp_group_load(&key->ec.group, from->ec.group.id);
    err = err != 0 ? err : mbedtls_ecp_copy(&key->ec.q, &from->ec.q);
    return keep(ctx, key, err, "OperationError");
}

/* (key): an ArrayBuffer of the uncompressed public point. */
static JSValue ec_point(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_EC);
    uint8_t bytes[MAX_POINT];
    size_t len = 0;
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    int err = mbedtls_ecp_point_write_binary(
        &key->ec.group, &key->ec.q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, bytes, sizeof(bytes));
    return fn_crypto_done(ctx, err, fn_array_buffer(ctx, bytes, len));
}

/* (key): an ArrayBuffer of the secret, with the length of the curve's order. */
static JSValue ec_secret(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_EC);
    uint8_t *out;
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, order_size(&key->ec), &out);
    return JS_IsException(buffer)
               ? buffer
               : fn_crypto_done(
                     ctx, mbedtls_mpi_write_binary(&key->ec.d, out, order_size(&key->ec)), buffer);
}

typedef struct {
    mbedtls_mpi r, s;
} signature;

static void signature_init(signature *sig) {
    mbedtls_mpi_init(&sig->r);
    mbedtls_mpi_init(&sig->s);
}

static void signature_free(signature *sig) {
    mbedtls_mpi_free(&sig->r);
    mbedtls_mpi_free(&sig->s);
}

/* Hashes the data: its length, or 0 with an exception. */
static size_t hash_data(JSContext *ctx, JSValueConst name, JSValueConst data,
                        uint8_t hash[MBEDTLS_MD_MAX_SIZE]) {
    fn_bytes bytes;
    const mbedtls_md_info_t *md = fn_hash_get(ctx, name);
    if (md == NULL || fn_crypto_bytes(ctx, data, &bytes) < 0) {
        return 0;
    }
    if (mbedtls_md(md, bytes.at, bytes.len, hash) != 0) {
        fn_crypto_fail(ctx, "OperationError", "cannot hash the data");
        return 0;
    }
    return mbedtls_md_get_size(md);
}

JSValue fn_ec_sign_digest(JSContext *ctx, fn_ec *ec, const uint8_t *digest, size_t len) {
    uint8_t *out;
    size_t size = order_size(ec);
    JSValue buffer = fn_crypto_output(ctx, 2 * size, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    signature sig;
    signature_init(&sig);
    int err =
        mbedtls_ecdsa_sign(&ec->group, &sig.r, &sig.s, &ec->d, digest, len, fn_crypto_random, NULL);
    err = err != 0 ? err : mbedtls_mpi_write_binary(&sig.r, out, size);
    err = err != 0 ? err : mbedtls_mpi_write_binary(&sig.s, out + size, size);
    signature_free(&sig);
    return fn_crypto_done(ctx, err, buffer);
}

bool fn_ec_verify_digest(fn_ec *ec, const uint8_t *digest, size_t len, fn_bytes given) {
    size_t size = order_size(ec);
    if (given.len != 2 * size) {
        return false;
    }
    signature sig;
    signature_init(&sig);
    int err = mbedtls_mpi_read_binary(&sig.r, given.at, size);
    err = err != 0 ? err : mbedtls_mpi_read_binary(&sig.s, given.at + size, size);
    err = err != 0 ? err : mbedtls_ecdsa_verify(&ec->group, digest, len, &ec->q, &sig.r, &sig.s);
    signature_free(&sig);
    return err == 0;
}

/* (key, hash, data): r and s, each with the length of the curve's order. */
static JSValue ec_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    fn_key *key = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_EC);
    size_t hash_len = key == NULL ? 0 : hash_data(ctx, FN_ARG(1), FN_ARG(2), hash);
    return hash_len == 0 ? JS_EXCEPTION : fn_ec_sign_digest(ctx, &key->ec, hash, hash_len);
}

/* (key, hash, data, signature) */
static JSValue ec_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    fn_bytes given;
    fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_EC);
    size_t hash_len = key == NULL ? 0 : hash_data(ctx, FN_ARG(1), FN_ARG(2), hash);
    if (hash_len == 0 || fn_crypto_bytes(ctx, FN_ARG(3), &given) < 0) {
        return JS_EXCEPTION;
    }
    return JS_NewBool(ctx, fn_ec_verify_digest(&key->ec, hash, hash_len, given));
}

/* (private key, public key): the shared secret. */
static JSValue ec_derive(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t *out;
    fn_key *own = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_EC);
    const fn_key *peer = own == NULL ? NULL : fn_key_get(ctx, FN_ARG(1), FN_KEY_EC);
    if (peer == NULL) {
        return JS_EXCEPTION;
    }
    if (own->ec.group.id != peer->ec.group.id) {
        return JS_ThrowTypeError(ctx, "the keys are of different curves");
    }
    size_t size = field_size(&own->ec);
    JSValue buffer = fn_crypto_output(ctx, size, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    mbedtls_mpi shared;
    mbedtls_mpi_init(&shared);
    int err = mbedtls_ecdh_compute_shared(&own->ec.group, &shared, &peer->ec.q, &own->ec.d,
                                          fn_crypto_random, NULL);
    err = err != 0 ? err : mbedtls_mpi_write_binary(&shared, out, size);
    mbedtls_mpi_free(&shared);
    return fn_crypto_done(ctx, err, buffer);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("ecGenerate", 1, ec_generate),
    JS_CFUNC_DEF("ecImportPublic", 2, ec_import_public),
    JS_CFUNC_DEF("ecImportPrivate", 3, ec_import_private),
    JS_CFUNC_DEF("ecPublic", 1, ec_public),
    JS_CFUNC_DEF("ecPoint", 1, ec_point),
    JS_CFUNC_DEF("ecSecret", 1, ec_secret),
    JS_CFUNC_DEF("ecSign", 3, ec_sign),
    JS_CFUNC_DEF("ecVerify", 4, ec_verify),
    JS_CFUNC_DEF("ecDerive", 2, ec_derive),
};
const fn_functions fn_ec_functions = {functions, FN_COUNT(functions)};
