/* Key material: one opaque object for each key, which JS can only hold and pass back. */
#include "core/host.h"
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"
#include "web/idl/memory.h"

#include <string.h>
#include "mbedtls/constant_time.h"
#include "mbedtls/platform_util.h"

static JSClassID class_id;

fn_key *fn_key_new(JSContext *ctx, fn_key_kind kind) {
    fn_key *key = js_mallocz(ctx, sizeof(*key));
    if (key == NULL) {
        return NULL;
    }
    key->kind = kind;
    if (kind == FN_KEY_RSA) {
        mbedtls_rsa_init(&key->rsa);
    } else if (kind == FN_KEY_EC) {
        mbedtls_ecp_group_init(&key->ec.group);
        mbedtls_mpi_init(&key->ec.d);
        mbedtls_ecp_point_init(&key->ec.q);
    }
    return key;
}

void fn_key_free(fn_key *key) {
    if (key->kind == FN_KEY_RSA) {
        mbedtls_rsa_free(&key->rsa);
    } else if (key->kind == FN_KEY_EC) {
        mbedtls_ecp_group_free(&key->ec.group);
        mbedtls_mpi_free(&key->ec.d);
        mbedtls_ecp_point_free(&key->ec.q);
    } else if (key->kind == FN_KEY_SECRET && key->secret.bytes != NULL) {
        mbedtls_platform_zeroize(key->secret.bytes, key->secret.len);
        fn_free(key->secret.bytes);
    }
    mbedtls_platform_zeroize(key, sizeof(*key));
    fn_free(key);
}

JSValue fn_key_object(JSContext *ctx, fn_key *key) {
    JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, class_id);
    if (JS_IsException(object)) {
        fn_key_free(key);
    } else {
        JS_SetOpaque(object, key);
    }
    return object;
}

fn_key *fn_key_get(JSContext *ctx, JSValueConst value, fn_key_kind kind) {
    fn_key *key = JS_GetOpaque2(ctx, value, class_id);
    if (key != NULL && key->kind != kind) {
        JS_ThrowTypeError(ctx, "the key is of the wrong kind");
        return NULL;
    }
    return key;
}

fn_key *fn_key_get_private(JSContext *ctx, JSValueConst value, fn_key_kind kind) {
    fn_key *key = fn_key_get(ctx, value, kind);
    if (key != NULL && !key->private) {
        JS_ThrowTypeError(ctx, "not a private key");
        return NULL;
    }
    return key;
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    (void)rt;
    fn_key *key = JS_GetOpaque(value, class_id);
    if (key != NULL) {
        fn_key_free(key);
    }
}

int fn_key_init(JSContext *ctx) {
    static const JSClassDef definition = {"KeyMaterial", .finalizer = finalize};
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(rt, &class_id);
    return JS_NewClass(rt, class_id, &definition);
}

/* (bytes): a key of bytes, for HMAC, AES, HKDF and PBKDF2. */
static JSValue secret_key(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes bytes;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    fn_key *key = fn_key_new(ctx, FN_KEY_SECRET);
    if (key == NULL) {
        return JS_EXCEPTION;
    }
    key->secret.bytes = js_malloc(ctx, bytes.len + 1);
    if (key->secret.bytes == NULL) {
        fn_key_free(key);
        return JS_EXCEPTION;
    }
    memcpy(key->secret.bytes, bytes.at, bytes.len);
    key->secret.len = bytes.len;
    return fn_key_object(ctx, key);
}

/* (key): an ArrayBuffer. */
static JSValue secret_bytes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const fn_key *key = fn_key_get(ctx, FN_ARG(0), FN_KEY_SECRET);
    return key == NULL ? JS_EXCEPTION : fn_array_buffer(ctx, key->secret.bytes, key->secret.len);
}

/* (bytes): overwrites a buffer that contained a secret. */
static JSValue wipe(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes bytes;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    mbedtls_platform_zeroize((void *)(uintptr_t)bytes.at, bytes.len);
    return JS_UNDEFINED;
}

/* (a, b) */
static JSValue timing_safe_equal(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    fn_bytes a, b;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &a) < 0 || fn_crypto_bytes(ctx, FN_ARG(1), &b) < 0) {
        return JS_EXCEPTION;
    }
    return JS_NewBool(ctx, a.len == b.len && mbedtls_ct_memcmp(a.at, b.at, a.len) == 0);
}

/* (count): an ArrayBuffer. */
static JSValue random_bytes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint32_t count;
    uint8_t *at;
    if (fn_crypto_uint(ctx, FN_ARG(0), &count) < 0) {
        return JS_EXCEPTION;
    }
    JSValue buffer = fn_crypto_output(ctx, count, &at);
    if (JS_IsException(buffer)) {
        return buffer;
    }
    return fn_crypto_done(ctx, count == 0 ? 0 : fn_host_random(at, count), buffer);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("secretKey", 1, secret_key),
    JS_CFUNC_DEF("secretBytes", 1, secret_bytes),
    JS_CFUNC_DEF("wipe", 1, wipe),
    JS_CFUNC_DEF("timingSafeEqual", 2, timing_safe_equal),
    JS_CFUNC_DEF("randomBytes", 1, random_bytes),
};
const fn_functions fn_key_functions = {functions, FN_COUNT(functions)};
