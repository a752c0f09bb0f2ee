/* Declarations that the files of functions-launcher share. */
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

/* Whether a layer must be in force, is used if the kernel has it, or is not used. */
typedef enum { FN_REQUIRED, FN_PREFERRED, FN_OFF } fn_mode;

/* Layers in force for the program, as bits; fn_report_launched names them. */
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

/* What the program's root contains if it is not the host's, and what it hides of the host's. */
typedef enum {
    FN_MOUNT_READ,
    FN_MOUNT_WRITE,
    FN_MOUNT_PROGRAM, /* read and execute */
    FN_MOUNT_DEVICE,
    FN_MOUNT_COVER, /* hides what is on the host at that path */
} fn_mount_kind;

typedef struct {
    fn_mount_kind kind;
    const char *path; /* absolute, the same inside and outside */
    int tree;         /* the tree to mount, or -1 if there is none */
    bool directory;
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
    fn_optional processes; /* of the program alone, if the kernel can count that */
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
    fn_mode landlock;        /* allows what the mounts need, and nothing else */
    const fn_filter *filter; /* NULL: no filter */
    bool host_root;
    fn_mount *mounts;
    size_t mount_count;
    char **argv; /* of the program, ended by NULL; argv[0] is its path */
    char **envp; /* of the program, ended by NULL */
} fn_options;

/* Reads the command line. `envp` and `mounts` are allocated; everything else points into argv. On
 * failure returns false, and `why` says what is wrong in a fixed text that needs no escaping. */
bool fn_options_read(fn_options *options, int argc, char **argv, const char **why);

/* One launch, from the command line to exec. */
typedef struct {
    fn_options options;
    const char
        *exec_token; /* the address of the empty path that exec passes; see fn_seccomp_apply */
    int program_fd;  /* opened before privileges drop, so the path needs no rights for the user */
    int sync_fd; /* to the other process: a report up, one byte down, end of file when it is gone */
    uid_t own_uid; /* the launcher's, as seen outside any new namespace */
    gid_t own_gid;
    uint32_t layers;     /* in force in the child so far */
    bool untrusted_link; /* a path to mount contains a link of the workers' user */
    bool proc_refused;   /* a /proc is required, and the kernel allows none here */
} fn_launch;

/* What the child reports to the supervisor: that it is ready for exec (`error` is 0), or what
 * failed. */
typedef struct {
    char what[48];
    int error;         /* errno */
    bool in_namespace; /* failed while entering the namespaces: retried without them */
    uint32_t layers;
} fn_child_report;

/* Moves a descriptor above those that the program gets, with close-on-exec. Returns it or -errno.
 */
int fn_descriptor_reserve(int fd);
/* Opens /dev/null on those of 0 to 2 that are closed, and closes all above the channel. 0 or
 * -errno. */
int fn_descriptors_clean(void);
/* Opens standard input from /dev/null, and sets close-on-exec on all descriptors that are not the
 * program's. */
int fn_descriptors_enter(fn_launch *launch);

/* Forks into the namespaces of `layers`: the pid in the parent, 0 in the child, -errno on failure.
 */
pid_t fn_namespaces_clone(uint32_t layers);
/* Turns off the namespaces that are only preferred. */
void fn_namespaces_forgo(fn_options *options);
/* In the child: makes them usable, and enters those that need no fork. Returns 0, or -errno with
 * the name of what was refused in `what`. */
int fn_namespaces_enter(fn_launch *launch, const char **what);
/* Changes the program's root to an empty one with the mounts in it, or to the host's with paths
 * covered. */
int fn_root_enter(fn_launch *launch);

/* Apply Landlock and seccomp if the options ask for them. 0 or -errno. */
int fn_landlock_enter(fn_launch *launch);
int fn_seccomp_enter(fn_launch *launch);

/* 0 or -errno. */
int fn_socket_listen(fn_launch *launch);
int fn_rlimits_set(fn_launch *launch);
int fn_rlimit_lower(int resource, rlim_t value);
/* Lowers the priority below the control plane's. */
int fn_priority_lower(fn_launch *launch);
/* Drops user, groups and capabilities irreversibly. */
int fn_privileges_drop(fn_launch *launch);
int fn_capabilities_clear(void);
/* Called after that: an unprivileged process may create user namespaces, but not enter one. */
int fn_processes_limit(fn_launch *launch);

/* The child, from the fork to exec; never returns. */
_Noreturn void fn_child_run(fn_launch *launch);
/* The parent: starts the child, waits for it, and ends with its status. */
_Noreturn void fn_supervise(fn_launch *launch);

/* The two lines that the launcher may write to the channel. */
void fn_report_launched(pid_t pid, uint32_t layers);
_Noreturn void fn_report_failed(const char *what, int error);

/* safe_open.c: opens (O_PATH) an absolute path and follows symbolic links, except those that
 * `untrusted_uid` owns. Returns the descriptor, or -errno: -EMLINK for such a link, which is named
 * on standard error. */
int fn_open_untrusted_path(const char *path, uid_t untrusted_uid);

#endif
