/* The layers that a process closes behind itself: seccomp and Landlock. The launcher closes them
 * for a Bun worker, each quickjs-worker for itself. */
#ifndef FN_WALL_H
#define FN_WALL_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a process may need of the kernel, from least to most. */
typedef enum {
    FN_WALL_SEALED,   /* its channel, its loop, its memory */
    FN_WALL_FILES,    /* and files */
    FN_WALL_PROGRAMS, /* and programs that it starts, which are under the same filter */
    FN_WALL_BUN,      /* what Bun with its threads and its JIT needs */
    FN_WALL_KINDS,
} fn_wall_kind;

/* One system call of a filter's table. Where `mask` is not 0 it is met only if that argument,
 * masked, is `value`; what is met by no row meets the filter's default. */
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

/* What a kind's filter is made of: tables one after the other, and what befalls all other calls. */
typedef struct {
    const char *name;
    const fn_calls *tables[FN_MAX_TABLES]; /* as many as there are, then NULL */
    uint32_t otherwise;
} fn_filter;

const fn_filter *fn_filter_of(fn_wall_kind kind);
/* By its name; NULL where there is none. */
const fn_filter *fn_filter_named(const char *name);

/* Can this kernel filter system calls? */
bool fn_seccomp_available(void);
/* From here on only what the filter allows, for this process and all its children. no_new_privs is
 * set. Where `door` is not NULL, one more call is: execveat with exactly this pointer as its path.
 * It means nothing any more once that program runs, and nobody can guess it. 0 or -errno. */
int fn_seccomp_close(const fn_filter *filter, const char *door);
/* io_uring is answered with ENOSYS, and nothing else is changed: libuv asks for it with each loop.
 * 0 or -errno. */
int fn_seccomp_refuse_io_uring(void);

/* The version of Landlock that the kernel has; 0 where it has none. */
int fn_landlock_version(void);
/* What a ruleset leaves alone; it allows nothing of all else that Landlock knows. */
typedef enum { FN_LANDLOCK_FILES = 1, FN_LANDLOCK_NETWORK = 2 } fn_free;
/* A ruleset: a descriptor (close-on-exec) or -errno; -ENOMSG where this kernel's knows nothing but
 * what is left alone. */
int fn_landlock_new(unsigned leave);
typedef enum { FN_LANDLOCK_READ = 1, FN_LANDLOCK_WRITE = 2, FN_LANDLOCK_EXECUTE = 4 } fn_rights;
/* Allows a path, and what is below it. 0 or -errno. */
int fn_landlock_allow(int ruleset, const char *path, unsigned rights);
/* The same for what is open already. */
int fn_landlock_allow_fd(int ruleset, int fd, unsigned rights);
/* From here on only what the ruleset allows, as a domain of its own: signals and abstract sockets
 * do not leave it. no_new_privs is set. 0 or -errno. */
int fn_landlock_close(int ruleset);

#endif
