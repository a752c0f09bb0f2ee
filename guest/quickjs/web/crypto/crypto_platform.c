/* What mbedTLS gets from the worker: memory of the engine's heap, random bytes of the kernel, and
 * the compression functions of its hashes, which also check whether the invocation must end. */
#include "core/host.h"
#include "web/crypto/crypto.h"
#include "web/crypto/crypto_config.h"
#include "web/idl/memory.h"

#include <string.h>
#include "mbedtls/error.h"
#include "mbedtls/md5.h"
#include "mbedtls/sha1.h"
#include "mbedtls/sha256.h"
#include "mbedtls/sha512.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define BLOCKS_A_LOOK 4096 /* about a millisecond of hashing */

static JSRuntime *runtime;
static bool cpu_has_sha256;

bool fn_crypto_stopped(void) {
    return fn_host_stopped(runtime);
}

void *fn_crypto_calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *memory = fn_alloc(count * size);
    if (memory != NULL) {
        memset(memory, 0, count * size);
    }
    return memory;
}

void fn_crypto_free(void *memory) {
    fn_free(memory);
}

/* A search for primes draws random numbers for every candidate, so it can be stopped here. */
int fn_crypto_random(void *unused, unsigned char *bytes, size_t len) {
    (void)unused;
    return fn_crypto_stopped() || fn_host_random(bytes, len) != 0 ? MBEDTLS_ERR_ERROR_GENERIC_ERROR
                                                                  : 0;
}

/* PBKDF2 with many iterations consists of blocks, so it can be stopped here. */
static bool stopped(void) {
    static unsigned blocks;
    return ++blocks % BLOCKS_A_LOOK == 0 && fn_crypto_stopped();
}

#if defined(__x86_64__)
/* The CPU must have the instructions, and the system must save the wide registers that they use. */
static bool find_sha256(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) {
        return false;
    }
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    const unsigned wide = 6; /* XMM and YMM */
    return (low & wide) == wide && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) &&
           (b & bit_AVX2);
}
#elif defined(__aarch64__)
static bool find_sha256(void) {
    const unsigned long sha2 = 1 << 6; /* HWCAP_SHA2 */
    return (getauxval(AT_HWCAP) & sha2) != 0;
}
#endif

void fn_crypto_platform_init(JSRuntime *rt) {
    runtime = rt;
    cpu_has_sha256 = find_sha256();
}

int mbedtls_internal_md5_process(mbedtls_md5_context *md5, const unsigned char data[64]) {
    if (stopped()) {
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    }
    fn_md5_block(md5->state, data);
    return 0;
}

int mbedtls_internal_sha1_process(mbedtls_sha1_context *sha, const unsigned char data[64]) {
    if (stopped()) {
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    }
    fn_sha1_block(sha->state, data);
    return 0;
}

int mbedtls_internal_sha256_process(mbedtls_sha256_context *sha, const unsigned char data[64]) {
    if (stopped()) {
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    }
    (cpu_has_sha256 ? fn_sha256_block_cpu : fn_sha256_block)(sha->state, data);
    return 0;
}

int mbedtls_internal_sha512_process(mbedtls_sha512_context *sha, const unsigned char data[128]) {
    if (stopped()) {
        return MBEDTLS_ERR_ERROR_GENERIC_ERROR;
    }
    fn_sha512_block(sha->state, data);
    return 0;
}
