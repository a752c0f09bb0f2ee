/* The evil worker: the product's worker, but in place of loading a bundle it does what an attacker
 * with native code would do. Each attempt has a name, which the bundle contains. */
#ifndef EVIL_H
#define EVIL_H

#include <stddef.h>
#include <stdint.h>

#define CHANNEL 3

/* The result: at least 0, or a negative errno. */
typedef long (*evil_attempt)(const char *argument);

typedef struct {
    const char *name;
    evil_attempt run;
} evil_named;

/* One system call with these arguments. */
typedef struct {
    const char *name;
    long number;
    uintptr_t args[6];
} evil_call;

extern const evil_call evil_calls[];
extern const size_t evil_call_count;
extern const evil_named evil_reaches[];
extern const size_t evil_reach_count;
extern const evil_named evil_protocols[];
extern const size_t evil_protocol_count;

/* Sends a log message to the host. */
void evil_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes all bytes to the channel, and waits for room. */
void evil_write(const char *bytes, size_t len);

#endif
