/* Reads the DER envelopes of keys: SubjectPublicKeyInfo, PKCS #8, ECPrivateKey. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/asn1.h"

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define TAGGED (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED)

static const char *name_of(const uint8_t *at, size_t len) {
    for (const fn_oid *oid = fn_oids; oid->name != NULL; oid++) {
        if (oid->len == len && memcmp(oid->bytes, at, len) == 0) {
            return oid->name;
        }
    }
    return "other";
}

typedef struct {
    uint8_t *at;
    const uint8_t *end;
    int err;
} reader;

static reader read_from(fn_bytes bytes) {
    return (reader){(uint8_t *)(uintptr_t)bytes.at, bytes.at + bytes.len, 0};
}

/* The content of the next value, which must have this tag. */
static reader enter(reader *r, int tag) {
    size_t len = 0;
    if (r->err == 0) {
        r->err = mbedtls_asn1_get_tag(&r->at, r->end, &len, tag);
    }
    reader inside = {r->at, r->at + (r->err == 0 ? len : 0), r->err};
    r->at += r->err == 0 ? len : 0;
    return inside;
}

static bool at_end(const reader *r) {
    return r->err == 0 && r->at == r->end;
}

static bool next_is(const reader *r, int tag) {
    return r->err == 0 && r->at < r->end && *r->at == tag;
}

static int read_int(reader *r) {
    int value = -1;
    if (r->err == 0) {
        r->err = mbedtls_asn1_get_int(&r->at, r->end, &value);
    }
    return value;
}

typedef struct {
    const char *algorithm;
    const char *params; /* "none", "null", a curve or "other" */
} identifier;

static identifier read_identifier(reader *r) {
    reader inside = enter(r, SEQUENCE);
    reader oid = enter(&inside, MBEDTLS_ASN1_OID);
    identifier id = {name_of(oid.at, (size_t)(oid.end - oid.at)), "none"};
    if (next_is(&inside, MBEDTLS_ASN1_OID)) {
        reader params = enter(&inside, MBEDTLS_ASN1_OID);
        id.params = name_of(params.at, (size_t)(params.end - params.at));
    } else if (next_is(&inside, MBEDTLS_ASN1_NULL)) {
        reader params = enter(&inside, MBEDTLS_ASN1_NULL);
        id.params = at_end(&params) ? "null" : "other";
    } else if (!at_end(&inside)) {
        id.params = "other";
        inside.at = (uint8_t *)(uintptr_t)inside.end;
    }
    if (r->err == 0 && !at_end(&inside)) {
        r->err = MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
    }
    return id;
}

static JSValue refuse(JSContext *ctx) {
    return fn_crypto_fail(ctx, "DataError", "the DER does not contain a key of this kind");
}

/* [algorithm, parameters, key] */
static JSValue answer(JSContext *ctx, identifier id, const reader *key) {
    JSValue parts[] = {JS_NewString(ctx, id.algorithm), JS_NewString(ctx, id.params),
                       fn_array_buffer(ctx, key->at, (size_t)(key->end - key->at))};
    return JS_NewArrayFrom(ctx, FN_COUNT(parts), parts);
}

/* A SubjectPublicKeyInfo. */
static JSValue read_spki(JSContext *ctx, reader *all) {
    reader info = enter(all, SEQUENCE);
    identifier id = read_identifier(&info);
    reader key = enter(&info, MBEDTLS_ASN1_BIT_STRING);
    if (!at_end(all) || !at_end(&info) || key.at == key.end || *key.at != 0) {
        return refuse(ctx);
    }
    key.at++; /* unused bits of the last byte: none */
    return answer(ctx, id, &key);
}

/* A PKCS #8 PrivateKeyInfo. Skips the attributes and the public key that may follow. */
static JSValue read_pkcs8(JSContext *ctx, reader *all) {
    reader info = enter(all, SEQUENCE);
    int version = read_int(&info);
    identifier id = read_identifier(&info);
    reader key = enter(&info, MBEDTLS_ASN1_OCTET_STRING);
    if (next_is(&info, TAGGED)) {
        enter(&info, TAGGED);
    }
    if (next_is(&info, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 1)) {
        enter(&info, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 1);
    }
    if (!at_end(all) || !at_end(&info) || version < 0 || version > 1) {
        return refuse(ctx);
    }
    return answer(ctx, id, &key);
}

/* An ECPrivateKey's [curve or "none", secret, public point or undefined]. */
static JSValue read_ec(JSContext *ctx, reader *all) {
    reader point = {0};
    reader key = enter(all, SEQUENCE);
    int version = read_int(&key);
    reader secret = enter(&key, MBEDTLS_ASN1_OCTET_STRING);
    const char *curve = "none";
    if (next_is(&key, TAGGED)) {
        reader params = enter(&key, TAGGED);
        reader oid = enter(&params, MBEDTLS_ASN1_OID);
        curve = at_end(&params) ? name_of(oid.at, (size_t)(oid.end - oid.at)) : "other";
    }
    bool has_point = next_is(&key, TAGGED | 1);
    if (has_point) {
        reader public = enter(&key, TAGGED | 1);
        point = enter(&public, MBEDTLS_ASN1_BIT_STRING);
        key.err = at_end(&public) && point.at < point.end && *point.at == 0 ? 0 : -1;
        point.at++;
    }
    if (!at_end(all) || !at_end(&key) || version != 1) {
        return refuse(ctx);
    }
    JSValue parts[] = {
        JS_NewString(ctx, curve), fn_array_buffer(ctx, secret.at, (size_t)(secret.end - secret.at)),
        has_point ? fn_array_buffer(ctx, point.at, (size_t)(point.end - point.at)) : JS_UNDEFINED};
    return JS_NewArrayFrom(ctx, FN_COUNT(parts), parts);
}

/* The content of an OCTET STRING. */
static JSValue read_octets(JSContext *ctx, reader *all) {
    reader inside = enter(all, MBEDTLS_ASN1_OCTET_STRING);
    return at_end(all) ? fn_array_buffer(ctx, inside.at, (size_t)(inside.end - inside.at))
                       : refuse(ctx);
}

typedef enum { SPKI, PKCS8, EC, OCTETS } envelope;

/* (bytes) */
static JSValue read_der(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                        int magic) {
    static JSValue (*const read[])(JSContext *, reader *) = {
        [SPKI] = read_spki, [PKCS8] = read_pkcs8, [EC] = read_ec, [OCTETS] = read_octets};
    (void)this_val;
    fn_bytes bytes;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &bytes) < 0) {
        return JS_EXCEPTION;
    }
    reader all = read_from(bytes);
    return read[magic](ctx, &all);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("readSpki", 1, read_der, SPKI),
    JS_CFUNC_MAGIC_DEF("readPkcs8", 1, read_der, PKCS8),
    JS_CFUNC_MAGIC_DEF("readEc", 1, read_der, EC),
    JS_CFUNC_MAGIC_DEF("readOctets", 1, read_der, OCTETS),
};
const fn_functions fn_der_functions = {functions, FN_COUNT(functions)};
