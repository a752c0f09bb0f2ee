/* scrypt: https://www.rfc-editor.org/rfc/rfc7914. Its memory is the function's, and the invocation
 * can end in the middle. */
#include "web/crypto/crypto.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/pkcs5.h"
#include "mbedtls/platform_util.h"

#define SALSA_WORDS 16u
#define MAX_R_P ((uint64_t)1 << 30)    /* of the standard: r * p */
#define WORDS_A_LOOK ((size_t)1 << 18) /* about a millisecond of mixing */

typedef struct {
    uint64_t n;
    uint32_t r, p;
} parameters;

static uint32_t rotate(uint32_t word, int by) {
    return word << by | word >> (32 - by);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    *b ^= rotate(*a + *d, 7);
    *c ^= rotate(*b + *a, 9);
    *d ^= rotate(*c + *b, 13);
    *a ^= rotate(*d + *c, 18);
}

static void salsa20_8(uint32_t block[SALSA_WORDS]) {
    uint32_t x[SALSA_WORDS];
    memcpy(x, block, sizeof(x));
    for (int i = 0; i < 8; i += 2) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[5], &x[9], &x[13], &x[1]);
        quarter(&x[10], &x[14], &x[2], &x[6]);
        quarter(&x[15], &x[3], &x[7], &x[11]);
        quarter(&x[0], &x[1], &x[2], &x[3]);
        quarter(&x[5], &x[6], &x[7], &x[4]);
        quarter(&x[10], &x[11], &x[8], &x[9]);
        quarter(&x[15], &x[12], &x[13], &x[14]);
    }
    for (unsigned i = 0; i < SALSA_WORDS; i++) {
        block[i] += x[i];
    }
}

static void xor_words(uint32_t *to, const uint32_t *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] ^= from[i];
    }
}

/* scryptBlockMix from `in` to `out`, each of 2 * r blocks. */
static void block_mix(const uint32_t *in, uint32_t *out, size_t r) {
    uint32_t x[SALSA_WORDS];
    memcpy(x, in + (2 * r - 1) * SALSA_WORDS, sizeof(x));
    for (size_t i = 0; i < 2 * r; i++) {
        xor_words(x, in + i * SALSA_WORDS, SALSA_WORDS);
        salsa20_8(x);
        memcpy(out + (i / 2 + (i % 2) * r) * SALSA_WORDS, x, sizeof(x));
    }
}

static bool stopped(size_t *mixed, size_t words) {
    *mixed += words;
    if (*mixed < WORDS_A_LOOK) {
        return false;
    }
    *mixed = 0;
    return fn_crypto_stopped();
}

/* The words are little-endian, as on every machine that the worker is built for. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the words of scrypt are little-endian");

/* scryptROMix of one block of `words`, in place. `table` has n of them, `other` one. */
static int rom_mix(uint32_t *block, uint32_t *other, uint32_t *table, const parameters *k) {
    size_t words = 2 * (size_t)k->r * SALSA_WORDS, mixed = 0;
    for (uint64_t i = 0; i < k->n; i++) {
        memcpy(table + i * words, block, words * sizeof(*block));
        block_mix(table + i * words, block, k->r);
        if (stopped(&mixed, words)) {
            return -1;
        }
    }
    for (uint64_t i = 0; i < k->n; i++) {
        const uint32_t *last = block + words - SALSA_WORDS;
        uint64_t j = (last[0] | (uint64_t)last[1] << 32) & (k->n - 1);
        xor_words(block, table + j * words, words);
        block_mix(block, other, k->r);
        memcpy(block, other, words * sizeof(*block));
        if (stopped(&mixed, words)) {
            return -1;
        }
    }
    return 0;
}

static int derive(const parameters *k, fn_bytes password, fn_bytes salt, uint8_t *blocks,
                  uint32_t *work, uint8_t *out, uint32_t len) {
    size_t block_len = 128 * (size_t)k->r, words = block_len / sizeof(*work);
    uint32_t all = (uint32_t)(block_len * k->p);
    int err = mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, password.at, password.len, salt.at,
                                            salt.len, 1, all, blocks);
    for (uint32_t i = 0; i < k->p && err == 0; i++) {
        uint8_t *at = blocks + i * block_len;
        memcpy(work, at, block_len);
        err = rom_mix(work, work + words, work + 2 * words, k);
        memcpy(at, work, block_len);
    }
    return err != 0 ? err
                    : mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA256, password.at, password.len,
                                                    blocks, all, 1, len, out);
}

/* The bytes of the table and the two blocks beside it; 0 when they or the parameters are too large.
 */
static size_t work_size(const parameters *k) {
    size_t block = 128 * (size_t)k->r, all;
    bool valid = k->n > 1 && (k->n & (k->n - 1)) == 0 && k->r > 0 && k->p > 0 &&
                 (uint64_t)k->r * k->p < MAX_R_P && block * k->p <= UINT32_MAX &&
                 (uint64_t)k->n < SIZE_MAX - 2;
    return valid && !__builtin_mul_overflow((size_t)k->n + 2, block, &all) ? all : 0;
}

static int read_parameters(JSContext *ctx, int argc, JSValueConst *argv, parameters *k) {
    int64_t n;
    if (JS_ToInt64(ctx, &n, FN_ARG(2)) < 0 || fn_crypto_uint(ctx, FN_ARG(3), &k->r) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(4), &k->p) < 0) {
        return -1;
    }
    k->n = n < 0 ? 0 : (uint64_t)n;
    return 0;
}

/* (password, salt, N, r, p, number of bytes): an ArrayBuffer. */
static JSValue scrypt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    parameters k;
    uint32_t len;
    fn_bytes password, salt;
    uint8_t *out;
    /* The numbers first: a conversion can run JS, and then the bytes would be invalid. */
    if (read_parameters(ctx, argc, argv, &k) < 0 || fn_crypto_uint(ctx, FN_ARG(5), &len) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(0), &password) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(1), &salt) < 0) {
        return JS_EXCEPTION;
    }
    size_t work_len = work_size(&k);
    if (work_len == 0) {
        return fn_crypto_fail(ctx, "OperationError", "scrypt cannot use these parameters");
    }
    size_t blocks_len = 128 * (size_t)k.r * k.p;
    uint8_t *blocks = js_malloc(ctx, blocks_len);
    uint32_t *work = blocks == NULL ? NULL : js_malloc(ctx, work_len);
    JSValue buffer = work == NULL ? JS_EXCEPTION : fn_crypto_output(ctx, len, &out);
    if (!JS_IsException(buffer) && len > 0) {
        int err = derive(&k, password, salt, blocks, work, out, len);
        mbedtls_platform_zeroize(blocks, blocks_len);
        buffer = fn_crypto_done(ctx, err, buffer);
    }
    js_free(ctx, work);
    js_free(ctx, blocks);
    return buffer;
}

static const JSCFunctionListEntry functions[] = {JS_CFUNC_DEF("scrypt", 6, scrypt)};
const fn_functions fn_scrypt_functions = {functions, FN_COUNT(functions)};
