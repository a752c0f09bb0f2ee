/* Starts functions-launcher without one layer of the sandbox, as on a kernel that lacks it. The
 * program's own name says which: without-namespaces, without-landlock, without-seccomp,
 * without-all. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void add(struct sock_filter *code, unsigned short *count, unsigned call) {
    code[(*count)++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    code[(*count)++] = (struct sock_filter)BPF_STMT(
        BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA));
}

static int hide(int landlock, int seccomp) {
    struct sock_filter code[8];
    unsigned short count = 0;
    code[count++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    if (landlock) {
        add(code, &count, SYS_landlock_create_ruleset);
    }
    if (seccomp) {
        add(code, &count, SYS_seccomp);
    }
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = count, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv) {
    const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    int all = strcmp(name, "without-all") == 0;
    if (all || strcmp(name, "without-namespaces") == 0) {
        for (int i = 1; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
            size_t len = strlen(argv[i]);
            if (len > 10 && strcmp(argv[i] + len - 10, "-namespace") == 0) {
                argv[i + 1] = "off";
            }
        }
    }
    int landlock = all || strcmp(name, "without-landlock") == 0;
    int seccomp = all || strcmp(name, "without-seccomp") == 0;
    if ((landlock || seccomp) && hide(landlock, seccomp) != 0) {
        return 1;
    }
    execv(LAUNCHER, argv);
    return 1;
}
