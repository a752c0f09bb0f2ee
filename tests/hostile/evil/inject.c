/* inject PID CALL [ARGUMENT]...: makes a running process call the kernel, by ptrace from outside.
 * It prints the kernel's result, or how the process was killed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__

static const long SYSCALL_INSTRUCTION = 0x050f;

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int stopped(pid_t pid) {
    int status;
    if (waitpid(pid, &status, __WALL) < 0) {
        return -1;
    }
    if (WIFSIGNALED(status)) {
        printf("killed %d\n", WTERMSIG(status));
        exit(0);
    }
    return 0;
}

int main(int argc, char **argv) {
    pid_t pid = argc > 2 ? (pid_t)atoi(argv[1]) : 0;
    if (pid <= 0) {
        fprintf(stderr, "usage: inject PID CALL [ARGUMENT]...\n");
        return 2;
    }
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0 || stopped(pid) != 0) {
        return fail("attach");
    }
    struct user_regs_struct before;
    struct user_regs_struct call;
    if (ptrace(PTRACE_GETREGS, pid, 0, &before) != 0) {
        return fail("registers");
    }
    call = before;
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, pid, before.rip, 0);
    if (errno != 0 ||
        ptrace(PTRACE_POKETEXT, pid, before.rip, (code & ~0xffffl) | SYSCALL_INSTRUCTION) != 0) {
        return fail("code");
    }
    unsigned long *arguments[] = {&call.rdi, &call.rsi, &call.rdx, &call.r10, &call.r8, &call.r9};
    call.rax = strtoul(argv[2], NULL, 0);
    call.orig_rax = (unsigned long)-1; /* the interrupted call must not restart */
    for (int i = 3; i < argc && i < 9; i++) {
        *arguments[i - 3] = strtoul(argv[i], NULL, 0);
    }
    if (ptrace(PTRACE_SETREGS, pid, 0, &call) != 0 || ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 ||
        stopped(pid) != 0 || ptrace(PTRACE_GETREGS, pid, 0, &call) != 0) {
        return fail("call");
    }
    printf("answered %lld\n", (long long)call.rax);
    ptrace(PTRACE_POKETEXT, pid, before.rip, code);
    ptrace(PTRACE_SETREGS, pid, 0, &before);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return 0;
}

#else

int main(void) {
    fprintf(stderr, "inject: this architecture is not supported\n");
    return 2;
}

#endif
