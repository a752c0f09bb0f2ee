/* Irreversible restrictions of the calling process: seccomp and Landlock. The launcher applies them
 * for a Bun worker; each quickjs-worker applies them to itself. */
#ifndef FN_LOCKDOWN_H
#define FN_LOCKDOWN_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a process needs of the kernel, from least to most. */
typedef enum {
    FN_LOCKDOWN_SEALED,   /* its channel, its loop, its memory */
    FN_LOCKDOWN_FILES,    /* and files */
    FN_LOCKDOWN_PROGRAMS, /* and programs that it starts, which inherit the filter */
    FN_LOCKDOWN_BUN,      /* what Bun with its threads and its JIT needs */
    FN_LOCKDOWN_KINDS,
} fn_lockdown_kind;

/* One row of a filter's table. With a `mask`, the row applies only if that argument, masked, equals
 * `value`. A call that no row covers gets the filter's default action. */
typedef struct {
    const char *name;
    uint32_t number;
    uint32_t action; /* SECCOMP_RET_... */
    uint32_t argument;
    uint32_t mask;
    uint32_t value;
} fn_call;

typedef struct {
    const fn_call *calls;
    size_t count;
} fn_calls;

#define FN_MAX_TABLES 5

/* A filter: its tables in order, and the action for all other calls. */
typedef struct {
    const char *name;
    const fn_calls *tables[FN_MAX_TABLES]; /* followed by NULL if there are fewer */
    uint32_t otherwise;
} fn_filter;

const fn_filter *fn_filter_of(fn_lockdown_kind kind);
/* The filter of that name, or NULL. */
const fn_filter *fn_filter_named(const char *name);

/* Whether this kernel can filter system calls. */
bool fn_seccomp_available(void);
/* Irreversibly restricts this process and its future children to the filter; no_new_privs must be
 * set. If `exec_token` is not NULL, one more call is allowed: execveat with exactly this pointer as
 * its path. The address cannot be guessed, and it means nothing in the program that the call
 * starts. 0 or -errno. */
int fn_seccomp_apply(const fn_filter *filter, const char *exec_token);
/* Makes io_uring fail with ENOSYS and changes nothing else: libuv asks for it in each loop. 0 or
 * -errno. */
int fn_seccomp_refuse_io_uring(void);

/* The kernel's Landlock version, or 0 without Landlock. */
int fn_landlock_version(void);
/* What a ruleset does not restrict. It denies everything else that Landlock handles. */
typedef enum { FN_LANDLOCK_FILES = 1, FN_LANDLOCK_NETWORK = 2 } fn_free;
/* Creates a ruleset: a descriptor with close-on-exec, or -errno. -ENOMSG if the kernel's Landlock
 * handles only what `leave` excludes. */
int fn_landlock_new(unsigned leave);
typedef enum { FN_LANDLOCK_READ = 1, FN_LANDLOCK_WRITE = 2, FN_LANDLOCK_EXECUTE = 4 } fn_rights;
/* Allows a path and everything below it. 0 or -errno. */
int fn_landlock_allow(int ruleset, const char *path, unsigned rights);
/* The same for an open descriptor. */
int fn_landlock_allow_fd(int ruleset, int fd, unsigned rights);
/* Irreversibly restricts this process to the ruleset, in a new Landlock domain: signals and
 * abstract sockets cannot leave it. no_new_privs must be set. 0 or -errno. */
int fn_landlock_apply(int ruleset);

#endif
