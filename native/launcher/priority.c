/* CPU priority of tenants' processes when others want the CPU too. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* Below the control plane, which all of them depend on. The control plane may raise a worker's
 * share later, but never lowers it: only root could undo that. */
#define NICE 5
/* The time slice before a process that has had less CPU may preempt it, in nanoseconds: the
 * smallest that the kernel accepts (6.12 and later; older kernels ignore it). A long computation
 * then delays no worker that answers a request. */
#define SLICE_NS 100000
/* The nice value of the whole session. With sched_autogroup_enabled the kernel applies nice only
 * within a session. Without this, each session would count as much as the control plane, however
 * many processes it has. */
static const char session_nice[] = "10";

/* The first version of struct sched_attr: sched_setattr(2). */
struct attributes {
    uint32_t size;
    uint32_t policy; /* 0: SCHED_OTHER */
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns;
    uint64_t deadline;
    uint64_t period;
};

/* Without the file, the kernel has no such groups. */
static void lower_session(void) {
    static const char path[] = "/proc/self/autogroup";
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && prctl(PR_GET_DUMPABLE) == 0) {
        /* While the process is not dumpable, the file belongs to root, which stops an ordinary
         * user. */
        prctl(PR_SET_DUMPABLE, 1);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        prctl(PR_SET_DUMPABLE, 0);
    }
    if (fd < 0) {
        return;
    }
    /* The kernel limits an ordinary user to ten writes a second; a launch beyond that keeps the
     * default. */
    (void)!write(fd, session_nice, strlen(session_nice));
    close(fd);
}

int fn_priority_lower(fn_launch *launch) {
    (void)launch;
    lower_session();
    errno = 0;
    int own = getpriority(PRIO_PROCESS, 0);
    if (errno != 0) {
        return -errno;
    }
    struct attributes wanted = {
        .size = sizeof wanted, .nice = own > NICE ? own : NICE, .slice_ns = SLICE_NS};
    return syscall(SYS_sched_setattr, 0, &wanted, 0) == 0 ? 0 : -errno;
}
