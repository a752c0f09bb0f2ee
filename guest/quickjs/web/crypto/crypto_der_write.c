/* Writes the DER envelopes of keys: SubjectPublicKeyInfo, PKCS #8, ECPrivateKey. */
#include "web/crypto/crypto.h"
#include "web/idl/buffer_source.h"
#include "web/idl/idl.h"

#include <string.h>
#include "mbedtls/asn1.h"
#include "mbedtls/asn1write.h"
#include "mbedtls/oid.h"
#include "mbedtls/platform_util.h"

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define TAGGED (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED)
#define OVERHEAD 64 /* maximum bytes of an envelope without its key */

#define OID(name, bytes) {name, bytes, sizeof(bytes) - 1}
const fn_oid fn_oids[] = {
    OID("rsa", MBEDTLS_OID_PKCS1_RSA),
    OID("ec", MBEDTLS_OID_EC_ALG_UNRESTRICTED),
    OID("ed25519", "\x2b\x65\x70"),
    OID("x25519", "\x2b\x65\x6e"),
    OID("P-256", MBEDTLS_OID_EC_GRP_SECP256R1),
    OID("P-384", MBEDTLS_OID_EC_GRP_SECP384R1),
    OID("P-521", MBEDTLS_OID_EC_GRP_SECP521R1),
    {NULL, NULL, 0},
};

/* Writes from the end to the front, as mbedTLS does. */
typedef struct {
    uint8_t *start, *at, *end;
    int err;
} writer;

static void wrote(writer *w, int result) {
    w->err = w->err != 0 ? w->err : result < 0 ? result : 0;
}

static void write_header(writer *w, const uint8_t *until, unsigned char tag) {
    wrote(w, mbedtls_asn1_write_len(&w->at, w->start, (size_t)(until - w->at)));
    wrote(w, mbedtls_asn1_write_tag(&w->at, w->start, tag));
}

static void write_oid(writer *w, const char *name) {
    for (const fn_oid *oid = fn_oids; oid->name != NULL; oid++) {
        if (strcmp(oid->name, name) == 0) {
            wrote(w, mbedtls_asn1_write_oid(&w->at, w->start, oid->bytes, oid->len));
            return;
        }
    }
    if (strcmp(name, "null") == 0) {
        wrote(w, mbedtls_asn1_write_null(&w->at, w->start));
    }
}

static int begin(JSContext *ctx, writer *w, size_t key_len) {
    size_t room = key_len + OVERHEAD;
    w->start = room < key_len ? NULL : js_malloc(ctx, room);
    w->at = w->end = w->start + room;
    w->err = 0;
    return w->start == NULL ? -1 : 0;
}

static JSValue finish(JSContext *ctx, writer *w) {
    JSValue buffer = fn_array_buffer(ctx, w->at, (size_t)(w->end - w->at));
    mbedtls_platform_zeroize(w->start, (size_t)(w->end - w->start));
    js_free(ctx, w->start);
    return fn_crypto_done(ctx, w->err, buffer);
}

/* (algorithm, parameters, key) */
static JSValue write_envelope(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                              int private) {
    (void)this_val;
    fn_bytes key;
    writer w;
    if (fn_crypto_bytes(ctx, FN_ARG(2), &key) < 0 || begin(ctx, &w, key.len) < 0) {
        return JS_EXCEPTION;
    }
    const char *names[] = {JS_ToCString(ctx, FN_ARG(1)), JS_ToCString(ctx, FN_ARG(0))};
    wrote(&w, private ? mbedtls_asn1_write_octet_string(&w.at, w.start, key.at, key.len)
                      : mbedtls_asn1_write_bitstring(&w.at, w.start, key.at, key.len * 8));
    const uint8_t *identifier_end = w.at;
    for (int i = 0; i < FN_COUNT(names); i++) {
        if (names[i] == NULL) {
            w.err = -1;
        } else {
            write_oid(&w, names[i]);
        }
        JS_FreeCString(ctx, names[i]);
    }
    write_header(&w, identifier_end, SEQUENCE);
    if (private) {
        wrote(&w, mbedtls_asn1_write_int(&w.at, w.start, 0));
    }
    write_header(&w, w.end, SEQUENCE);
    return finish(ctx, &w);
}

/* (secret, public point): an ECPrivateKey. */
static JSValue write_ec(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes secret, point;
    writer w;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &secret) < 0 ||
        fn_crypto_bytes(ctx, FN_ARG(1), &point) < 0 || begin(ctx, &w, secret.len + point.len) < 0) {
        return JS_EXCEPTION;
    }
    wrote(&w, mbedtls_asn1_write_bitstring(&w.at, w.start, point.at, point.len * 8));
    write_header(&w, w.end, TAGGED | 1);
    wrote(&w, mbedtls_asn1_write_octet_string(&w.at, w.start, secret.at, secret.len));
    wrote(&w, mbedtls_asn1_write_int(&w.at, w.start, 1));
    write_header(&w, w.end, SEQUENCE);
    return finish(ctx, &w);
}

/* (bytes) */
static JSValue write_octets(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_bytes bytes;
    writer w;
    if (fn_crypto_bytes(ctx, FN_ARG(0), &bytes) < 0 || begin(ctx, &w, bytes.len) < 0) {
        return JS_EXCEPTION;
    }
    wrote(&w, mbedtls_asn1_write_octet_string(&w.at, w.start, bytes.at, bytes.len));
    return finish(ctx, &w);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("writeSpki", 3, write_envelope, false),
    JS_CFUNC_MAGIC_DEF("writePkcs8", 3, write_envelope, true),
    JS_CFUNC_DEF("writeEc", 2, write_ec),
    JS_CFUNC_DEF("writeOctets", 1, write_octets),
};
const fn_functions fn_der_write_functions = {functions, FN_COUNT(functions)};
