/* AES ciphers that take their data in pieces, for node:crypto: ECB, CBC, CTR and GCM. Long pieces
 * are processed in slices, and the invocation can end between two. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/aes.h"
#include "mbedtls/constant_time.h"
#include "mbedtls/gcm.h"
#include "mbedtls/platform_util.h"

#define BLOCK 16u
#define MIN_TAG 4u
#define SLICE ((size_t)1 << 20) /* a multiple of BLOCK */

typedef enum { ECB, CBC, CTR, GCM } cipher_mode;

static const char *const mode_names[] = {"ecb", "cbc", "ctr", "gcm"};

typedef struct {
    cipher_mode mode;
    bool encrypt;
    bool has_data; /* no more additional data of GCM is accepted */
    bool finished; /* also after an error: nothing more is accepted */
    mbedtls_aes_context aes;
    mbedtls_gcm_context gcm;
    uint8_t iv[BLOCK];     /* or the counter */
    uint8_t stream[BLOCK]; /* CTR: what is left of a block of the key stream, */
    size_t stream_at;      /* from here */
    uint8_t held[BLOCK];   /* ECB, CBC: input that waits for the rest of its block */
    size_t held_len;
} fn_cipher;

static JSClassID class_id;

static void cipher_free(fn_cipher *c) {
    mbedtls_aes_free(&c->aes);
    mbedtls_gcm_free(&c->gcm);
    mbedtls_platform_zeroize(c, sizeof(*c));
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_cipher *c = JS_GetOpaque(value, class_id);
    if (c != NULL) {
        cipher_free(c);
        js_free_rt(rt, c);
    }
}

int fn_cipher_init(JSContext *ctx) {
    static const JSClassDef definition = {"CipherState", .finalizer = finalize};
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(rt, &class_id);
    return JS_IsRegisteredClass(rt, class_id) ? 0 : JS_NewClass(rt, class_id, &definition);
}

static int read_mode(JSContext *ctx, JSValueConst value, cipher_mode *mode) {
    const char *name = JS_ToCString(ctx, value);
    if (name == NULL) {
        return -1;
    }
    int found = -1;
    for (int i = 0; i < FN_COUNT(mode_names); i++) {
        found = strcmp(mode_names[i], name) == 0 ? i : found;
    }
    JS_FreeCString(ctx, name);
    if (found < 0) {
        JS_ThrowTypeError(ctx, "unknown mode of AES");
        return -1;
    }
    *mode = (cipher_mode)found;
    return 0;
}

static int set_key(fn_cipher *c, fn_bytes key, fn_bytes iv) {
    unsigned bits = (unsigned)key.len * 8;
    if (c->mode == GCM) {
        int err = mbedtls_gcm_setkey(&c->gcm, MBEDTLS_CIPHER_ID_AES, key.at, bits);
        int mode = c->encrypt ? MBEDTLS_GCM_ENCRYPT : MBEDTLS_GCM_DECRYPT;
        return err != 0 ? err : mbedtls_gcm_starts(&c->gcm, mode, iv.at, iv.len);
    }
    memcpy(c->iv, iv.at, iv.len);
    return c->encrypt || c->mode == CTR ? mbedtls_aes_setkey_enc(&c->aes, key.at, bits)
                                        : mbedtls_aes_setkey_dec(&c->aes, key.at, bits);
}

/* (mode, key bytes, iv, whether to encrypt) */
static JSValue cipher_new(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    cipher_mode mode;
    fn_bytes key, iv;
    if (read_mode(ctx, FN_ARG(0), &mode) < 0 || fn_crypto_bytes(ctx, FN_ARG(1), &key) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(2), &iv) < 0) {
        return JS_EXCEPTION;
    }
    size_t iv_len = mode == ECB ? 0 : BLOCK;
    if ((key.len != 16 && key.len != 24 && key.len != 32) ||
        (mode == GCM ? iv.len == 0 : iv.len != iv_len)) {
        return JS_ThrowRangeError(ctx, "the key or the iv has the wrong length");
    }
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    fn_cipher *c = JS_IsException(object) ? NULL : js_mallocz(ctx, sizeof(*c));
    if (c == NULL) {
        JS_FreeValue(ctx, object);
        return JS_EXCEPTION;
    }
    mbedtls_aes_init(&c->aes);
    mbedtls_gcm_init(&c->gcm);
    c->mode = mode;
    c->encrypt = JS_ToBool(ctx, FN_ARG(3)) > 0;
    JS_SetOpaque(object, c);
    return fn_crypto_done(ctx, set_key(c, key, iv), object);
}

static fn_cipher *unfinished(JSContext *ctx, JSValueConst value) {
    fn_cipher *c = JS_GetOpaque2(ctx, value, class_id);
    if (c != NULL && c->finished) {
        JS_ThrowTypeError(ctx, "the cipher is finished");
        return NULL;
    }
    return c;
}

/* (cipher, bytes): additional data of GCM, before all other data. */
static JSValue cipher_aad(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes aad;
    fn_cipher *c = unfinished(ctx, FN_ARG(0));
    if (c == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &aad) < 0) {
        return JS_EXCEPTION;
    }
    if (c->mode != GCM || c->has_data) {
        return JS_ThrowTypeError(ctx, "additional data is not possible here");
    }
    int err = 0;
    for (size_t at = 0; at < aad.len && err == 0; at += SLICE) {
        size_t part = aad.len - at < SLICE ? aad.len - at : SLICE;
        err = fn_crypto_stopped() ? -1 : mbedtls_gcm_update_ad(&c->gcm, aad.at + at, part);
    }
    c->finished = err != 0;
    return fn_crypto_done(ctx, err, JS_UNDEFINED);
}

/* Whole blocks for ECB and CBC, any length for CTR and GCM; at most a slice. */
static int run_slice(fn_cipher *c, const uint8_t *in, size_t len, uint8_t *out) {
    int aes_mode = c->encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT;
    size_t written;
    int err = 0;
    switch (c->mode) {
    case GCM:
        return mbedtls_gcm_update(&c->gcm, in, len, out, len, &written);
    case CTR:
        return mbedtls_aes_crypt_ctr(&c->aes, len, &c->stream_at, c->iv, c->stream, in, out);
    case CBC:
        return mbedtls_aes_crypt_cbc(&c->aes, aes_mode, len, c->iv, in, out);
    case ECB:
        for (size_t at = 0; at < len && err == 0; at += BLOCK) {
            err = mbedtls_aes_crypt_ecb(&c->aes, aes_mode, in + at, out + at);
        }
    }
    return err;
}

static int run(fn_cipher *c, const uint8_t *in, size_t len, uint8_t *out) {
    int err = 0;
    for (size_t at = 0; at < len && err == 0; at += SLICE) {
        size_t part = len - at < SLICE ? len - at : SLICE;
        err = fn_crypto_stopped() ? -1 : run_slice(c, in + at, part, out + at);
    }
    return err;
}

/* ECB and CBC: how much of the held and new input is processed now. The decryption of padded
 * data holds its last block. */
static size_t ready_len(const fn_cipher *c, size_t all, bool padding) {
    size_t rest = all % BLOCK;
    return rest == 0 && all > 0 && !c->encrypt && padding ? all - BLOCK : all - rest;
}

/* Writes `ready` bytes, and holds what is left of the input. */
static int run_blocks(fn_cipher *c, fn_bytes in, size_t ready, uint8_t *out) {
    size_t taken = 0;
    int err = 0;
    if (ready > 0 && c->held_len > 0) {
        taken = BLOCK - c->held_len; /* all of it is there, because a block is ready */
        memcpy(c->held + c->held_len, in.at, taken);
        c->held_len = 0;
        err = run(c, c->held, BLOCK, out);
        out += BLOCK;
        ready -= BLOCK;
    }
    err = err != 0 ? err : run(c, in.at + taken, ready, out);
    taken += ready;
    size_t left = in.len - taken;
    memcpy(c->held + c->held_len, in.at + taken, left);
    c->held_len += left;
    return err;
}

/* (cipher, bytes, whether the last block is padded): an ArrayBuffer. */
static JSValue cipher_update(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes in;
    uint8_t *out;
    fn_cipher *c = unfinished(ctx, FN_ARG(0));
    if (c == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &in) < 0) {
        return JS_EXCEPTION;
    }
    if (in.len > SIZE_MAX - BLOCK) {
        return JS_ThrowOutOfMemory(ctx);
    }
    bool blocks = c->mode == ECB || c->mode == CBC;
    bool padding = JS_ToBool(ctx, FN_ARG(2)) > 0;
    size_t ready = blocks ? ready_len(c, c->held_len + in.len, padding) : in.len;
    JSValue buffer = fn_crypto_output(ctx, ready, &out);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    c->has_data = true;
    int err = blocks ? run_blocks(c, in, ready, out) : run(c, in.at, in.len, out);
    c->finished = err != 0;
    return fn_crypto_done(ctx, err, buffer);
}

/* The length of the data in a last block, or -1. Constant time: it does not show which byte of the
 * padding was wrong. */
static int unpad(const uint8_t block[BLOCK]) {
    unsigned pad = block[BLOCK - 1];
    unsigned wrong = (pad == 0) | (pad > BLOCK);
    for (unsigned i = 0; i < BLOCK; i++) {
        unsigned in_padding = (BLOCK - i - 1 - pad) >> 31; /* BLOCK - i <= pad */
        wrong |= in_padding & (block[i] != pad);
    }
    return wrong != 0 ? -1 : (int)(BLOCK - pad);
}

/* Writes the last block to `out`: its length, or -1 with the reason. */
static int last_block(fn_cipher *c, bool padding, uint8_t out[BLOCK], const char **reason) {
    *reason = "length";
    if (c->encrypt && padding) {
        memset(c->held + c->held_len, (int)(BLOCK - c->held_len), BLOCK - c->held_len);
        c->held_len = BLOCK;
    }
    if (c->held_len == 0 && !padding) {
        return 0;
    }
    if (c->held_len != BLOCK || run_slice(c, c->held, BLOCK, out) != 0) {
        return -1;
    }
    *reason = "padding";
    return c->encrypt || !padding ? (int)BLOCK : unpad(out);
}

/* (cipher, whether the last block is padded): an ArrayBuffer, or a string that says why not:
 * "length" or "padding". */
static JSValue cipher_final(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t out[BLOCK];
    const char *reason;
    fn_cipher *c = unfinished(ctx, FN_ARG(0));
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    if (c->mode == GCM) {
        return JS_ThrowTypeError(ctx, "GCM ends with its tag");
    }
    c->finished = true;
    int len = c->mode == CTR ? 0 : last_block(c, JS_ToBool(ctx, FN_ARG(1)) > 0, out, &reason);
    JSValue result = len < 0 ? JS_NewString(ctx, reason) : fn_array_buffer(ctx, out, (size_t)len);
    mbedtls_platform_zeroize(out, sizeof(out));
    return result;
}

/* Ends GCM and writes the whole tag. */
static int finish_gcm(fn_cipher *c, uint8_t tag[BLOCK]) {
    size_t written;
    c->finished = true;
    return mbedtls_gcm_finish(&c->gcm, NULL, 0, &written, tag, BLOCK);
}

static fn_cipher *unfinished_gcm(JSContext *ctx, JSValueConst value) {
    fn_cipher *c = unfinished(ctx, value);
    if (c != NULL && c->mode != GCM) {
        JS_ThrowTypeError(ctx, "only GCM has a tag");
        return NULL;
    }
    return c;
}

/* (cipher): ends an encryption; an ArrayBuffer of the 16 bytes of the tag. */
static JSValue cipher_tag(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t *tag;
    fn_cipher *c = unfinished_gcm(ctx, FN_ARG(0));
    if (c == NULL) {
        return JS_EXCEPTION;
    }
    /* The tag of a decryption would authenticate whatever was given. */
    if (!c->encrypt) {
        return JS_ThrowTypeError(ctx, "only an encryption makes a tag");
    }
    JSValue buffer = fn_crypto_output(ctx, BLOCK, &tag);
    return JS_IsException(buffer) ? buffer : fn_crypto_done(ctx, finish_gcm(c, tag), buffer);
}

/* (cipher, tag): ends a decryption; whether the tag is that of the data. */
static JSValue cipher_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t tag[BLOCK];
    fn_bytes given;
    fn_cipher *c = unfinished_gcm(ctx, FN_ARG(0));
    if (c == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &given) < 0) {
        return JS_EXCEPTION;
    }
    if (c->encrypt || given.len < MIN_TAG || given.len > BLOCK) {
        return JS_ThrowTypeError(ctx, "not a tag of a decryption");
    }
    int err = finish_gcm(c, tag);
    bool same = err == 0 && mbedtls_ct_memcmp(tag, given.at, given.len) == 0;
    mbedtls_platform_zeroize(tag, sizeof(tag));
    return fn_crypto_done(ctx, err, JS_NewBool(ctx, same));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("cipherNew", 4, cipher_new),       JS_CFUNC_DEF("cipherAad", 2, cipher_aad),
    JS_CFUNC_DEF("cipherUpdate", 3, cipher_update), JS_CFUNC_DEF("cipherFinal", 2, cipher_final),
    JS_CFUNC_DEF("cipherTag", 1, cipher_tag),       JS_CFUNC_DEF("cipherVerify", 2, cipher_verify),
};
const fn_functions fn_cipher_functions = {functions, FN_COUNT(functions)};
