/* Primitives of Web Cryptography, from mbedTLS and Zig's std.crypto. The logic of the standard is
 * in JS (guest/quickjs/web/crypto/crypto-*.js). */
#ifndef FN_CRYPTO_H
#define FN_CRYPTO_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "mbedtls/ecp.h"
#include "mbedtls/md.h"
#include "mbedtls/rsa.h"
#include "quickjs.h"

#define FN_ARG(i) (argc > (i) ? argv[i] : JS_UNDEFINED)

typedef struct {
    const uint8_t *at; /* never NULL */
    size_t len;
} fn_bytes;

/* ---- crypto_values.c: arguments and results */

/* 0, or -1 with a TypeError. The bytes are valid until the next JS runs. */
int fn_crypto_bytes(JSContext *ctx, JSValueConst value, fn_bytes *bytes);
int fn_crypto_uint(JSContext *ctx, JSValueConst value, uint32_t *number);
/* A new ArrayBuffer of zeros; the caller fills its bytes at `*at`. */
JSValue fn_crypto_output(JSContext *ctx, size_t len, uint8_t **at);
/* Throws a DOMException of that name, or an uncatchable error when the invocation must end. */
JSValue fn_crypto_fail(JSContext *ctx, const char *name, const char *message);
/* `value` when `err` is 0; otherwise frees it and throws an OperationError. */
JSValue fn_crypto_done(JSContext *ctx, int err, JSValue value);

/* ---- crypto_platform.c: memory, random bytes and the hashes' inner functions for mbedTLS */

void fn_crypto_platform_init(JSRuntime *rt);
/* Whether the invocation must end. Long operations call it regularly. */
bool fn_crypto_stopped(void);
/* Random bytes of the kernel, or an error when the invocation must end: a search for primes checks
 * here. */
int fn_crypto_random(void *unused, unsigned char *bytes, size_t len);

/* ---- Zig's std.crypto (guest/quickjs/web/crypto) */

void fn_md5_block(uint32_t state[4], const uint8_t block[64]);
void fn_sha1_block(uint32_t state[5], const uint8_t block[64]);
void fn_sha256_block(uint32_t state[8], const uint8_t block[64]);
void fn_sha256_block_cpu(uint32_t state[8], const uint8_t block[64]);
void fn_sha512_block(uint64_t state[8], const uint8_t block[128]);
int fn_ed25519_public(const uint8_t seed[32], uint8_t public[32]);
int fn_ed25519_sign(const uint8_t seed[32], const uint8_t public[32], const uint8_t *data,
                    size_t len, uint8_t signature[64]);
int fn_ed25519_verify(const uint8_t public[32], const uint8_t *data, size_t len,
                      const uint8_t signature[64]);
int fn_x25519_public(const uint8_t secret[32], uint8_t public[32]);
int fn_x25519(const uint8_t secret[32], const uint8_t public[32], uint8_t shared[32]);

/* ---- crypto_key.c: key material, opaque to JS and zeroed when it is freed */

typedef enum { FN_KEY_SECRET, FN_KEY_RSA, FN_KEY_EC, FN_KEY_ED25519, FN_KEY_X25519 } fn_key_kind;

typedef struct {
    uint8_t *bytes;
    size_t len;
} fn_secret;

typedef struct {
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    mbedtls_ecp_point q;
} fn_ec;

typedef struct {
    uint8_t secret[32];
    uint8_t public[32];
} fn_okp;

typedef struct {
    fn_key_kind kind;
    bool private; /* it has the private half too */
    union {
        fn_secret secret;
        mbedtls_rsa_context rsa;
        fn_ec ec;
        fn_okp okp;
    };
} fn_key;

int fn_key_init(JSContext *ctx);
/* An empty key of this kind; NULL when out of memory (thrown). */
fn_key *fn_key_new(JSContext *ctx, fn_key_kind kind);
void fn_key_free(fn_key *key);
/* An object that takes ownership of the key, also on failure. */
JSValue fn_key_object(JSContext *ctx, fn_key *key);
/* NULL with a TypeError when `value` is not a key of this kind. */
fn_key *fn_key_get(JSContext *ctx, JSValueConst value, fn_key_kind kind);
/* The same for a key that must have its private half. */
fn_key *fn_key_get_private(JSContext *ctx, JSValueConst value, fn_key_kind kind);

/* ---- crypto_ec.c: ECDSA over a digest. The signature is r and s, each with the length of the
 * curve's order. */
JSValue fn_ec_sign_digest(JSContext *ctx, fn_ec *ec, const uint8_t *digest, size_t len);
bool fn_ec_verify_digest(fn_ec *ec, const uint8_t *digest, size_t len, fn_bytes given);

/* ---- crypto_hash.c */

typedef struct {
    const char *name;
    mbedtls_md_type_t type;
} fn_hash;

int fn_hash_init(JSContext *ctx);
/* NULL with a TypeError when no hash has this name. */
const mbedtls_md_info_t *fn_hash_get(JSContext *ctx, JSValueConst name);

/* ---- crypto_der_write.c */

/* Object identifiers by the names that JS uses; the last name is NULL. */
typedef struct {
    const char *name;
    const char *bytes;
    size_t len;
} fn_oid;

extern const fn_oid fn_oids[];

/* ---- crypto_cipher.c */

/* Registers its class, unless that was done before: a function that does not use it pays nothing.
 */
int fn_cipher_init(JSContext *ctx);

/* ---- functions of the modules fn:crypto and fn:node-crypto, one list per file */

typedef struct {
    const JSCFunctionListEntry *entries;
    int count;
} fn_functions;

extern const fn_functions fn_hash_functions, fn_key_functions, fn_aes_functions, fn_kdf_functions,
    fn_der_functions, fn_der_write_functions, fn_ec_functions, fn_rsa_functions,
    fn_rsa_use_functions, fn_okp_functions, fn_cipher_functions, fn_scrypt_functions,
    fn_prehashed_functions, fn_pkcs1_functions, fn_bridge_functions;

#endif
