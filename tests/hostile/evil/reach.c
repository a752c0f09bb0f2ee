/* Attempts to reach files, networks and other processes, and to exhaust shared resources. */
#include "evil.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static long result_of(long value) {
    return value < 0 ? -errno : value;
}

static long open_read(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return -errno;
    }
    char byte;
    return result_of(read(fd, &byte, 1));
}

static long open_write(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    return fd < 0 ? -errno : result_of(write(fd, "evil", 4));
}

static long list(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -errno;
    }
    long count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    return count;
}

static long status(const char *path) {
    struct stat info;
    return result_of(stat(path, &info));
}

static long make_link(const char *path) {
    return result_of(link(path, "/stolen"));
}

static long make_device(const char *path) {
    return result_of(mknod(path, S_IFCHR | 0600, 0x103));
}

/* The number of other processes that are visible in /proc. */
static long other_processes(const char *argument) {
    (void)argument;
    DIR *dir = opendir("/proc");
    if (dir == NULL) {
        return -errno;
    }
    long count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        count += pid > 0 && pid != getpid();
    }
    return count;
}

/* How many other processes among the first thousand pids can be signalled. */
static long signal_others(const char *argument) {
    (void)argument;
    long count = 0;
    for (pid_t pid = 1; pid < 1000; pid++) {
        count += pid != getpid() && kill(pid, 0) == 0;
    }
    return count;
}

static long connect_ip(int type, const char *address_and_port) {
    char address[64];
    unsigned port = 0;
    if (sscanf(address_and_port, "%63s %u", address, &port) != 2) {
        return -EINVAL;
    }
    int fd = socket(AF_INET, type, 0);
    if (fd < 0) {
        return -errno;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        return -errno;
    }
    return result_of(send(fd, "evil", 4, MSG_NOSIGNAL));
}

static long connect_tcp(const char *argument) {
    return connect_ip(SOCK_STREAM, argument);
}

static long send_udp(const char *argument) {
    return connect_ip(SOCK_DGRAM, argument);
}

static long connect_v6(const char *argument) {
    (void)argument;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    to.sin6_addr.s6_addr[15] = 1;
    return fd < 0 ? -errno : result_of(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static long listen_tcp(const char *argument) {
    (void)argument;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8099)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        return -errno;
    }
    return result_of(listen(fd, 1));
}

static long connect_unix(const char *path) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    return fd < 0 ? -errno : result_of(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static long connect_abstract(const char *name) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if (fd < 0 || len >= sizeof(to.sun_path)) {
        return -errno;
    }
    memcpy(to.sun_path + 1, name, len);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return result_of(connect(fd, (struct sockaddr *)&to, size));
}

/* Descriptors besides the channel that are sockets; every worker may call recvfrom to find out. */
static long other_sockets(const char *argument) {
    (void)argument;
    long count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        char byte;
        ssize_t got = recv(fd, &byte, 0, MSG_DONTWAIT | MSG_PEEK);
        count += fd != CHANNEL && (got >= 0 || (errno != ENOTSOCK && errno != EBADF));
    }
    return count;
}

/* The megabytes that it gets before an allocation fails. */
static long fill_memory(const char *argument) {
    (void)argument;
    enum { PIECE = 1 << 20 };
    long count = 0;
    while (count < 100000) {
        char *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED) {
            return count;
        }
        memset(piece, 1, PIECE);
        count++;
    }
    return count;
}

static long fill_disk(const char *path) {
    static char zeros[1 << 16];
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0) {
        return -errno;
    }
    signal(SIGXFSZ, SIG_IGN);
    for (long total = 0;; total += (long)sizeof(zeros)) {
        if (write(fd, zeros, sizeof(zeros)) < 0) {
            return -errno;
        }
        if (total > 100l * 1024 * 1024) {
            return total;
        }
    }
}

/* Writes across the end of the largest file allowed: a hole with little data after it. */
static long pass_file_limit(const char *path) {
    enum { LIMIT = 1 << 30, BEFORE = 2 };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || lseek(fd, LIMIT - BEFORE, SEEK_SET) < 0) {
        return -errno;
    }
    ssize_t count = write(fd, "evil", 4);
    if (count != BEFORE) {
        return result_of(count);
    }
    return result_of(write(fd, "evil", 4));
}

/* Each child continues as this process does. */
static long fork_bomb(const char *argument) {
    (void)argument;
    for (;;) {
        fork();
    }
}

/* How many processes it can create. */
static long count_forks(const char *argument) {
    (void)argument;
    for (long total = 0; total < 10000; total++) {
        pid_t child = fork();
        if (child < 0) {
            return errno == EAGAIN ? total : -errno;
        }
        while (child == 0) {
            pause();
        }
    }
    return 10000;
}

static long spin(const char *argument) {
    (void)argument;
    for (volatile uint64_t i = 0;; i++) {
    }
}

static long overflow_stack(const char *argument) {
    volatile char frame[4096];
    frame[0] = argument == NULL;
    return frame[0] == 2 ? 0 : overflow_stack(argument) + frame[0];
}

static long dump_core(const char *argument) {
    (void)argument;
    abort();
}

static long jump_into_data(const char *argument) {
    (void)argument;
    static char code[16] __attribute__((aligned(16))) = {(char)0xc3};
    void (*run)(void);
    void *data = code;
    memcpy(&run, &data, sizeof(run));
    run();
    return 0;
}

#ifdef __x86_64__
/* The 32-bit entry of the same kernel, where number 11 is execve. */
static long int80(const char *argument) {
    (void)argument;
    long result = 11;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
    return result;
}
#endif

const evil_named evil_reaches[] = {
    {"open-read", open_read},
    {"open-write", open_write},
    {"list", list},
    {"stat", status},
    {"link", make_link},
    {"device", make_device},
    {"other-processes", other_processes},
    {"signal-others", signal_others},
    {"tcp", connect_tcp},
    {"udp", send_udp},
    {"tcp6", connect_v6},
    {"listen", listen_tcp},
    {"unix", connect_unix},
    {"abstract", connect_abstract},
    {"other-sockets", other_sockets},
    {"fill-memory", fill_memory},
    {"fill-disk", fill_disk},
    {"pass-file-limit", pass_file_limit},
    {"fork-bomb", fork_bomb},
    {"count-forks", count_forks},
    {"spin", spin},
    {"overflow-stack", overflow_stack},
    {"dump-core", dump_core},
    {"jump-into-data", jump_into_data},
#ifdef __x86_64__
    {"int80", int80},
#endif
};

const size_t evil_reach_count = sizeof(evil_reaches) / sizeof(evil_reaches[0]);
