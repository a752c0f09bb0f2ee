/* functions-launcher: starts one process of a tenant's. What its files share. */
#ifndef FN_LAUNCHER_H
#define FN_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include "lockdown/lockdown.h"

/* Descriptors of the program that is started; everything else is closed. */
enum { FN_CHANNEL_FD = 3, FN_LISTEN_FD = 4 };

/* Exit status of a launch that failed (EX_OSERR). */
enum { FN_EXIT_LAUNCH_FAILED = 71 };

/* Is the launch to fail without a layer, to go on without it, or not to ask for it? */
typedef enum { FN_REQUIRED, FN_PREFERRED, FN_OFF } fn_mode;

/* What is in force around the program, as bits; fn_report_launched names them. */
typedef enum {
    FN_LAYER_RLIMITS = 1 << 0,
    FN_LAYER_NO_NEW_PRIVS = 1 << 1,
    FN_LAYER_PID_NAMESPACE = 1 << 2,
    FN_LAYER_USER_NAMESPACE = 1 << 3,
    FN_LAYER_UID = 1 << 4,
    FN_LAYER_MOUNT_NAMESPACE = 1 << 5,
    FN_LAYER_NETWORK_NAMESPACE = 1 << 6,
    FN_LAYER_IPC_NAMESPACE = 1 << 7,
    FN_LAYER_UTS_NAMESPACE = 1 << 8,
    FN_LAYER_LANDLOCK = 1 << 9,
    FN_LAYER_SECCOMP = 1 << 10,
} fn_layer;

/* What the program's root holds, where it is not the host's; and what of the host's it does not. */
typedef enum {
    FN_MOUNT_READ,
    FN_MOUNT_WRITE,
    FN_MOUNT_PROGRAM, /* to read and to execute */
    FN_MOUNT_DEVICE,
    FN_MOUNT_COVER, /* of what would be in sight: there is nothing behind it */
} fn_mount_kind;

typedef struct {
    fn_mount_kind kind;
    const char *path; /* absolute, the same inside and outside */
    int tree;         /* what is to be mounted there; -1 where there is nothing */
    bool folder;
} fn_mount;

typedef struct {
    bool set;
    uint64_t value;
} fn_optional;

typedef struct {
    fn_optional uid;
    fn_optional gid;
    fn_optional nofile;
    fn_optional as;        /* bytes */
    fn_optional cpu;       /* seconds */
    fn_optional nproc;     /* of the user that the program runs as */
    fn_optional processes; /* of the program alone, where that can be counted */
    fn_optional fsize;     /* bytes */
    fn_optional tmp;       /* bytes: a private /tmp of this size */
    const char *listen_dir;
    const char *listen_name;
    fn_mode pid_namespace;
    fn_mode mount_namespace;
    fn_mode network_namespace;
    fn_mode ipc_namespace;
    fn_mode uts_namespace;
    fn_mode proc;            /* of the program's own pid namespace */
    fn_mode landlock;        /* what the mounts are for, and nothing else */
    const fn_filter *filter; /* NULL where there is to be none */
    bool host_root;
    fn_mount *mounts;
    size_t mount_count;
    char **argv; /* of the program, ended by NULL; argv[0] is its path */
    char **envp; /* of the program, ended by NULL */
} fn_options;

/* Reads the command line; `envp` and `mounts` are allocated, everything else points into argv. On
 * failure false, and `why` says in words of ours what is wrong. */
bool fn_options_read(fn_options *options, int argc, char **argv, const char **why);

/* One launch, from the command line to exec. */
typedef struct {
    fn_options options;
    const char *door; /* where exec's empty path lies */
    int program_fd;   /* opened before privileges drop, so the path needs no rights for the user */
    int sync_fd;   /* to the other half: a report up, one byte down, end of file when it is gone */
    uid_t own_uid; /* the launcher's, as seen outside any new namespace */
    gid_t own_gid;
    uint32_t layers;   /* in force in the inner half so far */
    bool foreign_link; /* on the way to what is mounted lies a link of the workers' user */
} fn_launch;

/* What the inner half tells the supervisor: that it is ready for exec (`error` 0), or what failed.
 */
typedef struct {
    char what[48];
    int error;         /* errno */
    bool in_namespace; /* failed while entering the namespaces: may be tried without them */
    uint32_t layers;
} fn_inner_report;

/* Moves a descriptor out of the range that the program gets, close-on-exec. -errno on failure. */
int fn_descriptor_reserve(int fd);
/* Opens /dev/null on those of 0 to 2 that are closed, and closes all above the channel. 0 or
 * -errno. */
int fn_descriptors_clean(void);
/* Standard input from /dev/null, and all but the program's own descriptors close at exec. */
int fn_descriptors_enter(fn_launch *launch);

/* A fork into the namespaces of `layers`: pid in the parent, 0 in the child, -errno on failure. */
pid_t fn_namespaces_clone(uint32_t layers);
/* Those that are preferred are not asked for any more. */
void fn_namespaces_forgo(fn_options *options);
/* In the child: makes them usable, and enters those that need no fork. 0, or -errno and in `what`
 * the name of what was refused. */
int fn_namespaces_enter(fn_launch *launch, const char **what);
/* The program's root: an empty one with the mounts in it, or the host's with some of it covered. */
int fn_root_enter(fn_launch *launch);

/* Closes Landlock and seccomp, where they are asked for. 0 or -errno. */
int fn_landlock_enter(fn_launch *launch);
int fn_seccomp_enter(fn_launch *launch);

/* 0 or -errno. */
int fn_socket_listen(fn_launch *launch);
int fn_rlimits_set(fn_launch *launch);
int fn_rlimit_lower(int resource, rlim_t value);
/* To run behind the control plane. */
int fn_priority_lower(fn_launch *launch);
/* Gives up user, groups and capabilities, for good. */
int fn_privileges_drop(fn_launch *launch);
int fn_capabilities_clear(void);
/* After that: user namespaces are made, not entered, by whoever has no rights. */
int fn_processes_limit(fn_launch *launch);

/* The inner half, from the fork on; it never returns. */
_Noreturn void fn_inner_run(fn_launch *launch);
/* The outer half: starts the inner one, waits for it, and ends as it ended. */
_Noreturn void fn_supervise(fn_launch *launch);

/* The two lines that the launcher may write to the channel. */
void fn_report_launched(pid_t pid, uint32_t layers);
_Noreturn void fn_report_failed(const char *what, int error);

/* way.c: opens (O_PATH) what an absolute path leads to, along links that are not the stranger's.
 * The descriptor, or -errno: -EMLINK for a link of the stranger's, which standard error names. */
int fn_open_way(const char *path, uid_t stranger);

#endif
