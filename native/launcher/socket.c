/* The listening socket that the program inherits. It is created before the sandbox, in which its
 * directory may not exist. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "launcher/launcher.h"

/* Connections that wait: a thousand cold functions may connect at once. The kernel caps it at
 * net.core.somaxconn. */
enum { BACKLOG = 4096 };

/* Removes the socket of an earlier launch. If the name is not a socket, it stays and the launch
 * fails. */
static int remove_stale(const char *name) {
    struct stat info;
    if (lstat(name, &info) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return -EEXIST;
    }
    return unlink(name) == 0 ? 0 : -errno;
}

static int bind_and_listen(int fd, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if (len >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, name, len + 1);
    int result = remove_stale(name);
    if (result != 0) {
        return result;
    }
    /* The umask sets the mode of the socket file, so that others can never connect to it. */
    umask(0177);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return -errno;
    }
    return listen(fd, BACKLOG) == 0 ? 0 : -errno;
}

int fn_socket_listen(fn_launch *launch) {
    if (launch->options.listen_name == NULL) {
        return 0;
    }
    /* A socket address holds 107 bytes, and the path of the data directory may be longer. So the
     * name is relative. */
    if (chdir(launch->options.listen_dir) != 0) {
        return -errno;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int result = bind_and_listen(fd, launch->options.listen_name);
    if (result != 0) {
        return result;
    }
    /* dup2 to the same number would leave close-on-exec set. */
    if (fd == FN_LISTEN_FD) {
        return fcntl(fd, F_SETFD, 0) == 0 ? 0 : -errno;
    }
    if (dup2(fd, FN_LISTEN_FD) < 0) {
        return -errno;
    }
    close(fd);
    return 0;
}
