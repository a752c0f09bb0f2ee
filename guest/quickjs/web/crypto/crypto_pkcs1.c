/* RSA decryption with the padding of PKCS #1 v1.5. What is not padded correctly decrypts to a
 * message that only the key and the cipher text determine, so that the caller cannot be used as an
 * oracle: https://datatracker.ietf.org/doc/draft-irtf-cfrg-rsa-guidance/ (implicit rejection, as
 * OpenSSL 3.2 does it). */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/platform_util.h"

#define MAX_LEN MBEDTLS_MPI_MAX_SIZE
#define MIN_LEN 32u /* bytes of the smallest key: padding and a message */
#define SHA256_LEN 32u
#define MIN_PADDING 8u
#define HEADER 2u
#define LENGTH_CANDIDATES 128u

/* All bits when `bit` is 1, none when it is 0. */
static uint32_t mask_of(uint32_t bit) {
    return (uint32_t)-(int32_t)bit;
}

static uint32_t is_zero(uint32_t value) {
    return 1 ^ ((value | (uint32_t)-(int32_t)value) >> 31);
}

/* Both below 2^31. */
static uint32_t is_less(uint32_t a, uint32_t b) {
    return (a - b) >> 31;
}

static uint32_t choose(uint32_t mask, uint32_t yes, uint32_t no) {
    return (yes & mask) | (no & ~mask);
}

static int expand(const mbedtls_md_info_t *md, const uint8_t key[SHA256_LEN], const char *label,
                  uint8_t *out, size_t len) {
    uint8_t input[16], block[SHA256_LEN];
    size_t label_len = strlen(label);
    int err = 0;
    for (size_t at = 0, i = 0; at < len && err == 0; at += SHA256_LEN, i++) {
        input[0] = (uint8_t)(i >> 8);
        input[1] = (uint8_t)i;
        memcpy(input + 2, label, label_len);
        input[2 + label_len] = (uint8_t)(len * 8 >> 8);
        input[3 + label_len] = (uint8_t)(len * 8);
        err = mbedtls_md_hmac(md, key, SHA256_LEN, input, label_len + 4, block);
        memcpy(out + at, block, len - at < SHA256_LEN ? len - at : SHA256_LEN);
    }
    mbedtls_platform_zeroize(block, sizeof(block));
    return err;
}

/* The key of the other message. */
static int rejection_key(const mbedtls_md_info_t *md, const mbedtls_rsa_context *rsa, fn_bytes in,
                         uint8_t key[SHA256_LEN]) {
    uint8_t d[MAX_LEN], hash[SHA256_LEN];
    int err = mbedtls_mpi_write_binary(&rsa->D, d, in.len);
    err = err != 0 ? err : mbedtls_md(md, d, in.len, hash);
    err = err != 0 ? err : mbedtls_md_hmac(md, hash, sizeof(hash), in.at, in.len, key);
    mbedtls_platform_zeroize(d, sizeof(d));
    mbedtls_platform_zeroize(hash, sizeof(hash));
    return err;
}

/* The last candidate that is a possible length of a message. */
static uint32_t rejection_length(const uint8_t candidates[2 * LENGTH_CANDIDATES], uint32_t max) {
    uint32_t mask = max, length = 0;
    for (int shift = 1; shift < 16; shift *= 2) {
        mask |= mask >> shift;
    }
    for (size_t i = 0; i < LENGTH_CANDIDATES; i++) {
        uint32_t candidate = ((uint32_t)candidates[2 * i] << 8 | candidates[2 * i + 1]) & mask;
        length = choose(mask_of(is_less(candidate, max + 1)), candidate, length);
    }
    return length;
}

/* The length of the message at the end of a padded block; all bits of `*good` if it is valid. */
static uint32_t message_length(const uint8_t *block, uint32_t len, uint32_t *good) {
    uint32_t found = 0, zero_at = 0;
    for (uint32_t i = HEADER; i < len; i++) {
        uint32_t first = mask_of(is_zero(block[i])) & ~found;
        zero_at = choose(first, i, zero_at);
        found |= first;
    }
    *good = mask_of(is_zero(block[0])) & mask_of(is_zero(block[1] ^ 2u)) & found &
            ~mask_of(is_less(zero_at, HEADER + MIN_PADDING));
    return len - 1 - zero_at;
}

static int decrypt(fn_key *key, fn_bytes in, uint8_t out[MAX_LEN], size_t *len) {
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    uint8_t kdk[SHA256_LEN], candidates[2 * LENGTH_CANDIDATES], other[MAX_LEN];
    int err = rejection_key(md, &key->rsa, in, kdk);
    err = err != 0 ? err : expand(md, kdk, "length", candidates, sizeof(candidates));
    err = err != 0 ? err : expand(md, kdk, "message", other, in.len);
    err = err != 0 ? err : mbedtls_rsa_private(&key->rsa, fn_crypto_random, NULL, in.at, out);
    if (err == 0) {
        uint32_t good, all = (uint32_t)in.len;
        uint32_t right = message_length(out, all, &good);
        uint32_t wrong = rejection_length(candidates, all - HEADER - MIN_PADDING - 1);
        for (uint32_t i = 0; i < all; i++) {
            out[i] = (uint8_t)choose(good, out[i], other[i]);
        }
        *len = choose(good, right, wrong);
    }
    mbedtls_platform_zeroize(kdk, sizeof(kdk));
    mbedtls_platform_zeroize(candidates, sizeof(candidates));
    mbedtls_platform_zeroize(other, sizeof(other));
    return err;
}

/* (private key, bytes): an ArrayBuffer. */
static JSValue rsa_decrypt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t out[MAX_LEN];
    size_t len = 0;
    fn_bytes in;
    fn_key *key = fn_key_get_private(ctx, FN_ARG(0), FN_KEY_RSA);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &in) < 0) {
        return JS_EXCEPTION;
    }
    if (in.len != mbedtls_rsa_get_len(&key->rsa) || in.len < MIN_LEN || in.len > MAX_LEN) {
        return fn_crypto_fail(ctx, "OperationError", "the data does not have the key's length");
    }
    int err = decrypt(key, in, out, &len);
    JSValue buffer = err == 0 ? fn_array_buffer(ctx, out + in.len - len, len) : JS_UNDEFINED;
    mbedtls_platform_zeroize(out, sizeof(out));
    return fn_crypto_done(ctx, err, buffer);
}

static const JSCFunctionListEntry functions[] = {JS_CFUNC_DEF("rsaDecrypt", 2, rsa_decrypt)};
const fn_functions fn_pkcs1_functions = {functions, FN_COUNT(functions)};
