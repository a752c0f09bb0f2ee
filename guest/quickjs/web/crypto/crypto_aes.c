/* AES in its four modes. Long data is processed in slices, and the invocation can end between two.
 */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/aes.h"
#include "mbedtls/cipher.h"
#include "mbedtls/constant_time.h"
#include "mbedtls/gcm.h"
#include "mbedtls/nist_kw.h"
#include "mbedtls/platform_util.h"

#define SLICE ((size_t)1 << 20)
#define BLOCK 16u
#define MAX_TAG 16u
#define STOPPED (-1)

static size_t next_slice(size_t left) {
    return left < SLICE ? left : SLICE;
}

static unsigned key_bits(const fn_key *key) {
    return (unsigned)key->secret.len * 8;
}

static int gcm_run(mbedtls_gcm_context *gcm, fn_bytes in, uint8_t *out, uint8_t *tag,
                   size_t tag_len) {
    size_t written;
    int err = 0;
    for (size_t at = 0; at < in.len && err == 0; at += SLICE) {
        size_t part = next_slice(in.len - at);
        err = fn_crypto_stopped()
                  ? STOPPED
                  : mbedtls_gcm_update(gcm, in.at + at, part, out + at, part, &written);
    }
    return err != 0 ? err : mbedtls_gcm_finish(gcm, NULL, 0, &written, tag, tag_len);
}

static int gcm_crypt(int mode, const fn_key *key, fn_bytes iv, fn_bytes aad, fn_bytes in,
                     uint8_t *out, uint8_t *tag, size_t tag_len) {
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int err = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key->secret.bytes, key_bits(key));
    err = err != 0 ? err : mbedtls_gcm_starts(&gcm, mode, iv.at, iv.len);
    err = err != 0 ? err : mbedtls_gcm_update_ad(&gcm, aad.at, aad.len);
    err = err != 0 ? err : gcm_run(&gcm, in, out, tag, tag_len);
    mbedtls_gcm_free(&gcm);
    return err;
}

/* The cipher text, followed by the tag. */
static JSValue gcm_encrypt(JSContext *ctx, const fn_key *key, fn_bytes iv, fn_bytes aad,
                           fn_bytes data, size_t tag_len) {
    uint8_t *out;
    if (data.len > SIZE_MAX - tag_len) {
        return JS_ThrowOutOfMemory(ctx);
    }
    JSValue buffer = fn_crypto_output(ctx, data.len + tag_len, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    return fn_crypto_done(
        ctx, gcm_crypt(MBEDTLS_GCM_ENCRYPT, key, iv, aad, data, out, out + data.len, tag_len),
        buffer);
}

/* No plain text is returned when the tag does not match. */
static JSValue gcm_decrypt(JSContext *ctx, const fn_key *key, fn_bytes iv, fn_bytes aad,
                           fn_bytes data, size_t tag_len) {
    uint8_t *out, tag[MAX_TAG];
    if (data.len < tag_len) {
        return fn_crypto_fail(ctx, "OperationError", "the data is shorter than its tag");
    }
    fn_bytes in = {data.at, data.len - tag_len};
    JSValue buffer = fn_crypto_output(ctx, in.len, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    int err = gcm_crypt(MBEDTLS_GCM_DECRYPT, key, iv, aad, in, out, tag, tag_len);
    err = err != 0 ? err : mbedtls_ct_memcmp(tag, in.at + in.len, tag_len);
    if (err != 0) {
        mbedtls_platform_zeroize(out, in.len);
    }
    return fn_crypto_done(ctx, err, buffer);
}

/* (key, data, iv, additional data, bytes of the tag) */
static JSValue aes_gcm(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int encrypt) {
    (void)this_val;
    fn_bytes data, iv, aad;
    uint32_t tag_len;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &iv) < 0 || fn_crypto_bytes(ctx, FN_ARG(3), &aad) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(4), &tag_len) < 0) {
        return JS_EXCEPTION;
    }
    if (tag_len > MAX_TAG) {
        return JS_ThrowRangeError(ctx, "a tag cannot have this length");
    }
    return encrypt ? gcm_encrypt(ctx, key, iv, aad, data, tag_len)
                   : gcm_decrypt(ctx, key, iv, aad, data, tag_len);
}

static int cbc_run(mbedtls_cipher_context_t *cipher, fn_bytes data, uint8_t *out, size_t *len) {
    size_t written = 0;
    int err = 0;
    *len = 0;
    for (size_t at = 0; at < data.len && err == 0; at += SLICE) {
        size_t part = next_slice(data.len - at);
        err = fn_crypto_stopped()
                  ? STOPPED
                  : mbedtls_cipher_update(cipher, data.at + at, part, out + *len, &written);
        *len += written;
    }
    err = err != 0 ? err : mbedtls_cipher_finish(cipher, out + *len, &written);
    *len += written;
    return err;
}

static int cbc_crypt(const fn_key *key, bool encrypt, fn_bytes data, fn_bytes iv, uint8_t *out,
                     size_t *len) {
    mbedtls_cipher_context_t cipher;
    mbedtls_cipher_init(&cipher);
    const mbedtls_cipher_info_t *info = mbedtls_cipher_info_from_values(
        MBEDTLS_CIPHER_ID_AES, (int)key_bits(key), MBEDTLS_MODE_CBC);
    int err = info == NULL ? STOPPED : mbedtls_cipher_setup(&cipher, info);
    err = err != 0 ? err
                   : mbedtls_cipher_setkey(&cipher, key->secret.bytes, (int)key_bits(key),
                                           encrypt ? MBEDTLS_ENCRYPT : MBEDTLS_DECRYPT);
    err = err != 0 ? err : mbedtls_cipher_set_padding_mode(&cipher, MBEDTLS_PADDING_PKCS7);
    err = err != 0 ? err : mbedtls_cipher_set_iv(&cipher, iv.at, iv.len);
    err = err != 0 ? err : cbc_run(&cipher, data, out, len);
    mbedtls_cipher_free(&cipher);
    return err;
}

/* (key, data, iv) */
static JSValue aes_cbc(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int encrypt) {
    (void)this_val;
    fn_bytes data, iv;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &iv) < 0) {
        return JS_EXCEPTION;
    }
    size_t room = data.len + 2 * BLOCK; /* the rest of a block, and the padding */
    uint8_t *out = room < data.len ? NULL : js_malloc(ctx, room);
    if (out == NULL) {
        return JS_EXCEPTION;
    }
    size_t len = 0;
    int err = cbc_crypt(key, encrypt, data, iv, out, &len);
    JSValue buffer = err == 0 ? fn_array_buffer(ctx, out, len) : JS_UNDEFINED;
    mbedtls_platform_zeroize(out, room);
    js_free(ctx, out);
    return fn_crypto_done(ctx, err, buffer);
}

static int ctr_run(mbedtls_aes_context *aes, uint8_t counter[BLOCK], fn_bytes in, uint8_t *out) {
    uint8_t stream[BLOCK];
    size_t offset = 0;
    int err = 0;
    for (size_t at = 0; at < in.len && err == 0; at += SLICE) {
        err = fn_crypto_stopped() ? STOPPED
                                  : mbedtls_aes_crypt_ctr(aes, next_slice(in.len - at), &offset,
                                                          counter, stream, in.at + at, out + at);
    }
    mbedtls_platform_zeroize(stream, sizeof(stream));
    return err;
}

/* How many blocks are left before the counter's low bits wrap to zero. */
static uint64_t blocks_left(const uint8_t counter[BLOCK], unsigned bits) {
    unsigned __int128 count = 0;
    for (unsigned i = 0; i < BLOCK; i++) {
        count = count << 8 | counter[i];
    }
    unsigned __int128 mask = ~(unsigned __int128)0 >> (128 - bits);
    unsigned __int128 after = mask - (count & mask);
    return after < UINT32_MAX ? (uint64_t)after + 1 : UINT32_MAX; /* more than any data has */
}

/* mbedTLS increments all 128 bits: when the low bits wrap, the high bits are restored. */
static int ctr_crypt(mbedtls_aes_context *aes, const uint8_t start[BLOCK], unsigned bits,
                     fn_bytes data, uint8_t *out) {
    uint8_t counter[BLOCK];
    uint64_t before = blocks_left(start, bits) * BLOCK;
    size_t first = before < data.len ? (size_t)before : data.len;
    memcpy(counter, start, BLOCK);
    int err = ctr_run(aes, counter, (fn_bytes){data.at, first}, out);
    memcpy(counter, start, BLOCK);
    for (unsigned bit = 0; bit < bits; bit++) {
        counter[BLOCK - 1 - bit / 8] &= (uint8_t)~(1u << bit % 8);
    }
    fn_bytes rest = {data.at + first, data.len - first};
    return err != 0 ? err : ctr_run(aes, counter, rest, out + first);
}

/* (key, data, counter, how many of its low bits are incremented) */
static JSValue aes_ctr(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes data, counter;
    uint32_t bits;
    uint8_t *out;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &counter) < 0 ||
        fn_crypto_uint(ctx, FN_ARG(3), &bits) < 0) {
        return JS_EXCEPTION;
    }
    if (counter.len != BLOCK || bits < 1 || bits > 128) {
        return JS_ThrowRangeError(ctx, "not a counter");
    }
    if (bits < 32 && data.len > (size_t)BLOCK << bits) {
        return fn_crypto_fail(ctx, "OperationError", "the counter would repeat itself");
    }
    JSValue buffer = fn_crypto_output(ctx, data.len, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    int err = mbedtls_aes_setkey_enc(&aes, key->secret.bytes, key_bits(key));
    err = err != 0 ? err : ctr_crypt(&aes, counter.at, bits, data, out);
    mbedtls_aes_free(&aes);
    return fn_crypto_done(ctx, err, buffer);
}

/* (key, data): RFC 3394. */
static JSValue aes_kw(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                      int wrap) {
    (void)this_val;
    fn_bytes data;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &data) < 0) {
        return JS_EXCEPTION;
    }
    if (data.len < BLOCK || data.len % 8 != 0) {
        return fn_crypto_fail(ctx, "OperationError", "data of this length cannot be wrapped");
    }
    uint8_t *out;
    size_t len, room = wrap ? data.len + 8 : data.len - 8;
    JSValue buffer = fn_crypto_output(ctx, room, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    mbedtls_nist_kw_context kw;
    mbedtls_nist_kw_init(&kw);
    int err =
        mbedtls_nist_kw_setkey(&kw, MBEDTLS_CIPHER_ID_AES, key->secret.bytes, key_bits(key), wrap);
    err = err != 0 ? err
                   : (wrap ? mbedtls_nist_kw_wrap : mbedtls_nist_kw_unwrap)(
                         &kw, MBEDTLS_KW_MODE_KW, data.at, data.len, out, &len, room);
    mbedtls_nist_kw_free(&kw);
    return fn_crypto_done(ctx, err, buffer);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("gcmEncrypt", 5, aes_gcm, true),
    JS_CFUNC_MAGIC_DEF("gcmDecrypt", 5, aes_gcm, false),
    JS_CFUNC_MAGIC_DEF("cbcEncrypt", 3, aes_cbc, true),
    JS_CFUNC_MAGIC_DEF("cbcDecrypt", 3, aes_cbc, false),
    JS_CFUNC_DEF("ctrCrypt", 4, aes_ctr),
    JS_CFUNC_MAGIC_DEF("kwWrap", 2, aes_kw, true),
    JS_CFUNC_MAGIC_DEF("kwUnwrap", 2, aes_kw, false),
};
const fn_functions fn_aes_functions = {functions, FN_COUNT(functions)};
