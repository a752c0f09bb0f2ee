/* What tenants' processes get of the CPU where others want it too. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* Behind the control plane, which all of them wait for. A worker is given more of it later, never
 * less: nobody but root can go back. */
#define NICE 5
/* How long it runs on when another wakes up that has had less: the least that the kernel takes
 * (6.12 and later; others pay no heed). What computes for long then holds up nobody who answers. */
#define SLICE_NS 100000
/* Of the whole session. Where the kernel groups processes by session (sched_autogroup_enabled),
 * nice counts in a session only: without this each session, however many processes it has, would
 * count as much as the control plane. */
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

/* Without a file for it, there are no such groups. */
static void lower_session(void) {
    static const char path[] = "/proc/self/autogroup";
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && prctl(PR_GET_DUMPABLE) == 0) {
        /* To an ordinary user: while nobody may look into us, it is root's. */
        prctl(PR_SET_DUMPABLE, 1);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        prctl(PR_SET_DUMPABLE, 0);
    }
    if (fd < 0) {
        return;
    }
    /* An ordinary user may do so ten times a second; a busy moment has to do without. */
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
