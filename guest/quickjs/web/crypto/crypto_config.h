/* The parts of mbedTLS that are built: MBEDTLS_CONFIG_FILE of its sources and of the files that use
 * it. */
#ifndef FN_CRYPTO_CONFIG_H
#define FN_CRYPTO_CONFIG_H

#include <stddef.h>

#define MBEDTLS_HAVE_ASM

/* Its memory is allocated from the engine's heap, so that a worker's limit includes it:
 * crypto_platform.c. */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO fn_crypto_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO fn_crypto_free
void *fn_crypto_calloc(size_t count, size_t size);
void fn_crypto_free(void *memory);

#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#if defined(__x86_64__)
#define MBEDTLS_AESNI_C
#elif defined(__aarch64__)
#define MBEDTLS_AESCE_C
#endif
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CIPHER_MODE_CTR
#define MBEDTLS_CIPHER_PADDING_PKCS7
#define MBEDTLS_GCM_C
#define MBEDTLS_NIST_KW_C

/* The compression functions come from Zig's std.crypto (guest/quickjs/web/crypto), which uses the
 * CPU's instructions for SHA-256. Between blocks they check whether the invocation must end. */
#define MBEDTLS_MD_C
#define MBEDTLS_MD5_C
#define MBEDTLS_MD5_PROCESS_ALT
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA1_PROCESS_ALT
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_PROCESS_ALT
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA512_PROCESS_ALT
#define MBEDTLS_HKDF_C
#define MBEDTLS_PKCS5_C

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 1024 /* bytes: RSA keys of up to 8192 bits */
#define MBEDTLS_RSA_C
#define MBEDTLS_RSA_GEN_KEY_MIN_BITS 1024
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_GENPRIME
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECP_DP_SECP256K1_ENABLED /* only for node:crypto */
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDH_C

#endif
