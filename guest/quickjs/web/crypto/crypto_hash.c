/* Hashes and HMAC: in one call for SubtleCrypto, incremental for node:crypto. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/constant_time.h"

/* An incremental hash, or HMAC. */
typedef struct {
    mbedtls_md_context_t md;
    const mbedtls_md_info_t *info;
    bool hmac;
    bool finished;
} fn_hasher;

static JSClassID class_id;

static const fn_hash hashes[] = {
    {"sha256", MBEDTLS_MD_SHA256}, {"sha1", MBEDTLS_MD_SHA1},     {"sha512", MBEDTLS_MD_SHA512},
    {"sha384", MBEDTLS_MD_SHA384}, {"sha224", MBEDTLS_MD_SHA224}, {"md5", MBEDTLS_MD_MD5},
};

const mbedtls_md_info_t *fn_hash_get(JSContext *ctx, JSValueConst name) {
    const char *text = JS_ToCString(ctx, name);
    if (text == NULL) {
        return NULL;
    }
    const mbedtls_md_info_t *info = NULL;
    for (int i = 0; i < FN_COUNT(hashes) && info == NULL; i++) {
        if (strcmp(hashes[i].name, text) == 0) {
            info = mbedtls_md_info_from_type(hashes[i].type);
        }
    }
    if (info == NULL) {
        JS_ThrowTypeError(ctx, "unknown hash '%s'", text);
    }
    JS_FreeCString(ctx, text);
    return info;
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_hasher *hasher = JS_GetOpaque(value, class_id);
    if (hasher != NULL) {
        mbedtls_md_free(&hasher->md);
        js_free_rt(rt, hasher);
    }
}

int fn_hash_init(JSContext *ctx) {
    static const JSClassDef definition = {"Hasher", .finalizer = finalize};
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(rt, &class_id);
    return JS_NewClass(rt, class_id, &definition);
}

static JSValue new_hasher(JSContext *ctx, const mbedtls_md_info_t *info, bool hmac,
                          fn_hasher **out) {
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    fn_hasher *hasher = JS_IsException(object) ? NULL : js_mallocz(ctx, sizeof(*hasher));
    if (hasher == NULL) {
        JS_FreeValue(ctx, object);
        return JS_EXCEPTION;
    }
    mbedtls_md_init(&hasher->md);
    hasher->info = info;
    hasher->hmac = hmac;
    JS_SetOpaque(object, hasher);
    *out = hasher;
    return fn_crypto_done(ctx, mbedtls_md_setup(&hasher->md, info, hmac), object);
}

/* (name) */
static JSValue create_hash(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const mbedtls_md_info_t *info = fn_hash_get(ctx, FN_ARG(0));
    if (info == NULL) {
        return JS_EXCEPTION;
    }
    fn_hasher *hasher;
    JSValue object = new_hasher(ctx, info, false, &hasher);
    return JS_IsException(object) ? object
                                  : fn_crypto_done(ctx, mbedtls_md_starts(&hasher->md), object);
}

/* (name, key bytes) */
static JSValue create_hmac(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes key;
    const mbedtls_md_info_t *info = fn_hash_get(ctx, FN_ARG(0));
    if (info == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &key) < 0) {
        return JS_EXCEPTION;
    }
    fn_hasher *hasher;
    JSValue object = new_hasher(ctx, info, true, &hasher);
    return JS_IsException(object)
               ? object
               : fn_crypto_done(ctx, mbedtls_md_hmac_starts(&hasher->md, key.at, key.len), object);
}

static fn_hasher *unfinished(JSContext *ctx, JSValueConst value) {
    fn_hasher *hasher = JS_GetOpaque2(ctx, value, class_id);
    if (hasher != NULL && hasher->finished) {
        JS_ThrowTypeError(ctx, "the hash is finished");
        return NULL;
    }
    return hasher;
}

/* (hasher, bytes) */
static JSValue hash_update(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes bytes;
    fn_hasher *hasher = unfinished(ctx, FN_ARG(0));
    if (hasher == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    int err = hasher->hmac ? mbedtls_md_hmac_update(&hasher->md, bytes.at, bytes.len)
                           : mbedtls_md_update(&hasher->md, bytes.at, bytes.len);
    return fn_crypto_done(ctx, err, JS_UNDEFINED);
}

/* (hasher): an ArrayBuffer; the hasher accepts no more bytes. */
static JSValue hash_digest(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_hasher *hasher = unfinished(ctx, FN_ARG(0));
    uint8_t *at;
    if (hasher == NULL) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, mbedtls_md_get_size(hasher->info), &at);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    hasher->finished = true;
    return fn_crypto_done(ctx,
                          hasher->hmac ? mbedtls_md_hmac_finish(&hasher->md, at)
                                       : mbedtls_md_finish(&hasher->md, at),
                          buffer);
}

/* (hasher): a second hash (not HMAC) that continues from the same state. */
static JSValue hash_copy(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_hasher *from = unfinished(ctx, FN_ARG(0));
    if (from == NULL) {
        return JS_EXCEPTION;
    }
    if (from->hmac) {
        return JS_ThrowTypeError(ctx, "an HMAC cannot be copied");
    }
    fn_hasher *to;
    JSValue object = new_hasher(ctx, from->info, false, &to);
    return JS_IsException(object)
               ? object
               : fn_crypto_done(ctx, mbedtls_md_clone(&to->md, &from->md), object);
}

/* (name, bytes): an ArrayBuffer. */
static JSValue digest(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes bytes;
    uint8_t *at;
    const mbedtls_md_info_t *info = fn_hash_get(ctx, FN_ARG(0));
    if (info == NULL || fn_crypto_bytes(ctx, FN_ARG(1), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, mbedtls_md_get_size(info), &at);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    return fn_crypto_done(ctx, mbedtls_md(info, bytes.at, bytes.len, at), buffer);
}

static int hmac(JSContext *ctx, int argc, JSValueConst *argv, uint8_t mac[MBEDTLS_MD_MAX_SIZE],
                size_t *size) {
    fn_bytes bytes;
    const mbedtls_md_info_t *info = fn_hash_get(ctx, FN_ARG(0));
    const fn_key *key = info == NULL ? NULL : fn_key_get(ctx, FN_ARG(1), FN_KEY_SECRET);
    if (key == NULL || fn_crypto_bytes(ctx, FN_ARG(2), &bytes) < 0) {
        return -1;
    }
    *size = mbedtls_md_get_size(info);
    if (mbedtls_md_hmac(info, key->secret.bytes, key->secret.len, bytes.at, bytes.len, mac) != 0) {
        fn_crypto_fail(ctx, "OperationError", "cannot compute the HMAC");
        return -1;
    }
    return 0;
}

/* (name, key, bytes): an ArrayBuffer. */
static JSValue hmac_sign(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t mac[MBEDTLS_MD_MAX_SIZE];
    size_t size;
    return hmac(ctx, argc, argv, mac, &size) < 0 ? JS_EXCEPTION : fn_array_buffer(ctx, mac, size);
}

/* (name, key, bytes, signature) */
static JSValue hmac_verify(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t mac[MBEDTLS_MD_MAX_SIZE];
    size_t size;
    fn_bytes given;
    if (fn_crypto_bytes(ctx, FN_ARG(3), &given) < 0 || hmac(ctx, argc, argv, mac, &size) < 0) {
        return JS_EXCEPTION;
    }
    return JS_NewBool(ctx, given.len == size && mbedtls_ct_memcmp(given.at, mac, size) == 0);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("createHash", 1, create_hash), JS_CFUNC_DEF("createHmac", 2, create_hmac),
    JS_CFUNC_DEF("hashUpdate", 2, hash_update), JS_CFUNC_DEF("hashDigest", 1, hash_digest),
    JS_CFUNC_DEF("hashCopy", 1, hash_copy),     JS_CFUNC_DEF("digest", 2, digest),
    JS_CFUNC_DEF("hmacSign", 3, hmac_sign),     JS_CFUNC_DEF("hmacVerify", 4, hmac_verify),
};
const fn_functions fn_hash_functions = {functions, FN_COUNT(functions)};
