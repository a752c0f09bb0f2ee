/* Which descriptors the launcher keeps, and which the program gets. */

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* Above the descriptors that the program gets. */
enum { FIRST_RESERVED_FD = 10 };

/* By number, because not every C library has a wrapper. */
static int close_from(unsigned first, unsigned flags) {
    return syscall(SYS_close_range, first, ~0u, flags) == 0 ? 0 : -errno;
}

int fn_descriptor_reserve(int fd) {
    int reserved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_RESERVED_FD);
    int result = reserved < 0 ? -errno : reserved;
    close(fd);
    return result;
}

int fn_descriptors_clean(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* open returns the lowest free number, which is this one. Otherwise a later socket could
         * become descriptor 0, 1 or 2. */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
            return -errno;
        }
    }
    return close_from(FN_CHANNEL_FD + 1, 0);
}

int fn_descriptors_enter(fn_launch *launch) {
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0) {
        return -errno;
    }
    if (dup2(null_fd, STDIN_FILENO) < 0) {
        return -errno;
    }
    bool listens = launch->options.listen_name != NULL;
    return close_from(listens ? FN_LISTEN_FD + 1 : FN_LISTEN_FD, CLOSE_RANGE_CLOEXEC);
}
