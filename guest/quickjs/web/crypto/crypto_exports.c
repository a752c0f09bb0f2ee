/* The module `fn:crypto`: primitives for SubtleCrypto. Bundles cannot import it, but the modules
 * `fn:hash` and `fn:node-crypto`, which share functions with it.
 * The tables of functions are gathered here, so that no primitive depends on this file. */
#include "web/crypto/crypto.h"
#include "web/crypto/web_crypto.h"
#include "web/idl/idl.h"

#include "mbedtls/constant_time.h"

static const fn_functions *const lists[] = {
    &fn_hash_functions,    &fn_key_functions,       &fn_aes_functions, &fn_kdf_functions,
    &fn_der_functions,     &fn_der_write_functions, &fn_ec_functions,  &fn_rsa_functions,
    &fn_rsa_use_functions, &fn_okp_functions,
};

/* Every function of these lists can be called by a bundle, with any arguments. */
static const fn_functions *const node_lists[] = {
    &fn_key_functions,       &fn_kdf_functions,   &fn_ec_functions,     &fn_rsa_functions,
    &fn_rsa_use_functions,   &fn_okp_functions,   &fn_cipher_functions, &fn_scrypt_functions,
    &fn_prehashed_functions, &fn_pkcs1_functions, &fn_bridge_functions,
};

/* (left, right): bytes of the same length */
static JSValue equal(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes left, right;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &left) < 0 || fn_crypto_bytes(ctx, FN_ARG(1), &right) < 0) {
        return JS_EXCEPTION;
    }
    bool same = left.len == right.len && mbedtls_ct_memcmp(left.at, right.at, left.len) == 0;
    return JS_NewBool(ctx, same);
}

static const JSCFunctionListEntry comparison[] = {JS_CFUNC_DEF("equal", 2, equal)};

int fn_web_hash_exports(JSContext *ctx, JSModuleDef *module, bool fill) {
    int (*add)(JSContext *, JSModuleDef *, const JSCFunctionListEntry *, int) =
        fill ? JS_SetModuleExportList : JS_AddModuleExportList;
    return add(ctx, module, fn_hash_functions.entries, fn_hash_functions.count) < 0 ||
                   add(ctx, module, comparison, FN_COUNT(comparison)) < 0
               ? -1
               : 0;
}

int fn_web_node_crypto_exports(JSContext *ctx, JSModuleDef *module, bool fill) {
    int (*add)(JSContext *, JSModuleDef *, const JSCFunctionListEntry *, int) =
        fill ? JS_SetModuleExportList : JS_AddModuleExportList;
    if (fill && fn_cipher_init(ctx) < 0) {
        return -1;
    }
    for (int i = 0; i < FN_COUNT(node_lists); i++) {
        if (add(ctx, module, node_lists[i]->entries, node_lists[i]->count) < 0) {
            return -1;
        }
    }
    return 0;
}

static int fill_module(JSContext *ctx, JSModuleDef *module) {
    for (int i = 0; i < FN_COUNT(lists); i++) {
        if (JS_SetModuleExportList(ctx, module, lists[i]->entries, lists[i]->count) < 0) {
            return -1;
        }
    }
    return 0;
}

int fn_crypto_exports_init(JSContext *ctx) {
    fn_crypto_platform_init(JS_GetRuntime(ctx));
    JSModuleDef *module = JS_NewCModule(ctx, "fn:crypto", fill_module);
    if (module == NULL || fn_key_init(ctx) < 0 || fn_hash_init(ctx) < 0) {
        return -1;
    }
    for (int i = 0; i < FN_COUNT(lists); i++) {
        if (JS_AddModuleExportList(ctx, module, lists[i]->entries, lists[i]->count) < 0) {
            return -1;
        }
    }
    return 0;
}
