/* Turns the tables of seccomp_calls.c into BPF and hands it to the kernel. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "wall.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "this architecture has no filter of system calls"
#endif

#define MAX_INSTRUCTIONS 4096 /* what the kernel takes */

typedef struct {
    struct sock_filter code[MAX_INSTRUCTIONS];
    size_t count;
} fn_program;

static void add(fn_program *program, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
    if (program->count < MAX_INSTRUCTIONS) {
        program->code[program->count] = (struct sock_filter){code, jt, jf, k};
    }
    program->count++;
}

static void load(fn_program *program, size_t offset) {
    add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(fn_program *program, uint32_t action) {
    add(program, BPF_RET | BPF_K, 0, 0, action);
}

static void load_number(fn_program *program) {
    load(program, offsetof(struct seccomp_data, nr));
}

/* System calls of another architecture's table have other numbers. */
static void check_architecture(fn_program *program) {
    load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load_number(program);
#ifdef X32_BIT
    add(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    answer(program, SECCOMP_RET_KILL_PROCESS);
#endif
}

static void add_call(fn_program *program, const fn_call *call) {
    if (call->mask == 0) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call->number);
        answer(program, call->action);
        return;
    }
    /* The lower half of the argument, as both architectures are little-endian. All that is looked
     * at here are flags and numbers that the kernel itself takes as 32 bits. */
    size_t argument = offsetof(struct seccomp_data, args) + call->argument * sizeof(uint64_t);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, call->number);
    load(program, argument);
    add(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, call->mask);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call->value);
    answer(program, call->action);
    load_number(program);
}

/* Allows execveat from an address that the program it starts will not have. */
static void add_door(fn_program *program, const char *door) {
    size_t path = offsetof(struct seccomp_data, args) + sizeof(uint64_t);
    uint64_t address = (uint64_t)(uintptr_t)door;
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, SYS_execveat);
    load(program, path);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)address);
    load(program, path + sizeof(uint32_t));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)(address >> 32));
    answer(program, SECCOMP_RET_ALLOW);
    load_number(program);
}

static int install(fn_program *program) {
    if (program->count > MAX_INSTRUCTIONS) {
        return -E2BIG;
    }
    struct sock_fprog filter = {.len = (unsigned short)program->count, .filter = program->code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? 0 : -errno;
}

int fn_seccomp_close(const fn_filter *filter, const char *door) {
    static fn_program program;
    program.count = 0;
    check_architecture(&program);
    if (door != NULL) {
        add_door(&program, door);
    }
    for (size_t i = 0; i < FN_MAX_TABLES && filter->tables[i] != NULL; i++) {
        for (size_t row = 0; row < filter->tables[i]->count; row++) {
            add_call(&program, &filter->tables[i]->calls[row]);
        }
    }
    /* A check that failed ends in abort, which signals the own thread and nobody else's. */
    fn_call abort_call = {.name = "tkill",
                          .number = SYS_tkill,
                          .action = SECCOMP_RET_ALLOW,
                          .mask = UINT32_MAX,
                          .value = (uint32_t)syscall(SYS_gettid)};
    add_call(&program, &abort_call);
    answer(&program, filter->otherwise);
    return install(&program);
}

int fn_seccomp_refuse_io_uring(void) {
    static fn_program program;
    static const uint32_t calls[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};
    program.count = 0;
    check_architecture(&program);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        fn_call call = {.number = calls[i], .action = SECCOMP_RET_ERRNO | ENOSYS};
        add_call(&program, &call);
    }
    answer(&program, SECCOMP_RET_ALLOW);
    return install(&program);
}

bool fn_seccomp_available(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

const fn_filter *fn_filter_named(const char *name) {
    for (int kind = 0; kind < FN_WALL_KINDS; kind++) {
        const fn_filter *filter = fn_filter_of((fn_wall_kind)kind);
        if (strcmp(filter->name, name) == 0) {
            return filter;
        }
    }
    return NULL;
}
