/* Compiles the tables of seccomp_calls.c to BPF and installs the program. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lockdown/lockdown.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture"
#endif

#define MAX_INSTRUCTIONS 4096 /* the kernel's limit */
#define MAX_ROWS 512
#define LAST_NUMBER 480 /* approximately the highest number that the kernel uses */

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

/* Another architecture's system calls have other numbers. */
static void check_architecture(fn_program *program) {
    load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load_number(program);
}

/* Adds the decision of one row for a call that has its number. */
static void add_row(fn_program *program, const fn_call *call) {
    if (call->mask == 0) {
        answer(program, call->action);
        return;
    }
    /* The lower half of the argument, as both architectures are little-endian. The arguments that
     * are checked are flags and numbers that the kernel itself reads as 32 bits. */
    load(program, offsetof(struct seccomp_data, args) + call->argument * sizeof(uint64_t));
    add(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, call->mask);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call->value);
    answer(program, call->action);
}

/* Allows execveat with this path address, which means nothing in the program that it starts. */
static void allow_exec_token(fn_program *program, const char *exec_token) {
    size_t path = offsetof(struct seccomp_data, args) + sizeof(uint64_t);
    uint64_t address = (uint64_t)(uintptr_t)exec_token;
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, SYS_execveat);
    load(program, path);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)address);
    load(program, path + sizeof(uint32_t));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)(address >> 32));
    answer(program, SECCOMP_RET_ALLOW);
    load_number(program);
}

/* All rows of a filter, sorted by number; rows of one number keep the tables' order. */
typedef struct {
    const fn_call *rows[MAX_ROWS];
    size_t count;
} fn_rows;

static void insert(fn_rows *list, const fn_call *row) {
    if (list->count < MAX_ROWS) {
        size_t at = list->count;
        for (; at > 0 && list->rows[at - 1]->number > row->number; at--) {
            list->rows[at] = list->rows[at - 1];
        }
        list->rows[at] = row;
    }
    list->count++;
}

/* A range of system call numbers with the same decision, up to the number of the next span. */
typedef struct {
    uint32_t number;
    uint32_t action; /* if `rows` is 0 */
    size_t row;      /* the first row that decides */
    size_t rows;     /* and how many rows decide; 0: the action does */
} fn_span;

typedef struct {
    fn_span spans[2 * MAX_ROWS + 3];
    size_t count;
    const fn_rows *list;
} fn_spans;

static void begin_span(fn_spans *all, fn_span span) {
    fn_span *last = all->count > 0 ? &all->spans[all->count - 1] : NULL;
    if (last != NULL && last->number == span.number) {
        *last = span; /* the new span starts at the same number, so the last one is empty */
    } else if (last == NULL || last->rows > 0 || span.rows > 0 || last->action != span.action) {
        all->spans[all->count++] = span;
    }
}

static void make_spans(fn_spans *all, const fn_rows *list, uint32_t otherwise) {
    all->list = list;
    all->count = 0;
    begin_span(all, (fn_span){.number = 0, .action = otherwise});
    for (size_t from = 0, to; from < list->count; from = to) {
        const fn_call *row = list->rows[from];
        for (to = from + 1; to < list->count && list->rows[to]->number == row->number;) {
            to++;
        }
        size_t rows = row->mask == 0 ? 0 : to - from;
        begin_span(all, (fn_span){row->number, row->action, from, rows});
        begin_span(all, (fn_span){.number = row->number + 1, .action = otherwise});
    }
#ifdef X32_BIT
    begin_span(all, (fn_span){.number = X32_BIT, .action = SECCOMP_RET_KILL_PROCESS});
#endif
}

/* Adds the decision for the calls of one span. */
static void add_span(fn_program *program, const fn_spans *all, const fn_span *span,
                     uint32_t otherwise) {
    for (size_t i = 0; i < span->rows; i++) {
        add_row(program, all->list->rows[span->row + i]);
    }
    answer(program, span->rows > 0 ? otherwise : span->action);
}

/* Splits spans[from..to) so that about as many numbers lie on either side. */
static size_t part(const fn_spans *all, size_t from, size_t to) {
    uint32_t end = to < all->count ? all->spans[to].number : LAST_NUMBER;
    uint32_t middle = all->spans[from].number / 2 + (end < LAST_NUMBER ? end : LAST_NUMBER) / 2;
    size_t at = from + 1;
    while (at + 1 < to && all->spans[at].number < middle) {
        at++;
    }
    return at;
}

/* Adds the program for spans[from..to) as a binary search. When it installs a filter, the kernel
 * evaluates it once for each system call number to build its cache. The number of steps adds to
 * each cold start, and most numbers are in a few wide spans. */
static void add_tree(fn_program *program, const fn_spans *all, size_t from, size_t to,
                     uint32_t otherwise) {
    if (to - from == 1) {
        add_span(program, all, &all->spans[from], otherwise);
        return;
    }
    size_t middle = part(all, from, to);
    size_t branch = program->count;
    add(program, BPF_JMP | BPF_JGE | BPF_K, 0, 0, all->spans[middle].number);
    add_tree(program, all, from, middle, otherwise);
    size_t skipped = program->count - branch - 1;
    if (program->count < MAX_INSTRUCTIONS) {
        struct sock_filter *code = &program->code[branch];
        if (skipped <= UINT8_MAX) {
            code->jt = (uint8_t)skipped;
        } else {
            /* The distance does not fit into the branch instruction. */
            memmove(code + 2, code + 1, skipped * sizeof(*code));
            code->jf = 1;
            code[1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)skipped};
            program->count++;
        }
    }
    add_tree(program, all, middle, to, otherwise);
}

static int install(fn_program *program) {
    if (program->count > MAX_INSTRUCTIONS) {
        return -E2BIG;
    }
    struct sock_fprog filter = {.len = (unsigned short)program->count, .filter = program->code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? 0 : -errno;
}

int fn_seccomp_apply(const fn_filter *filter, const char *exec_token) {
    static fn_program program;
    program.count = 0;
    check_architecture(&program);
    if (exec_token != NULL) {
        allow_exec_token(&program, exec_token);
    }
    static fn_rows list;
    list.count = 0;
    for (size_t i = 0; i < FN_MAX_TABLES && filter->tables[i] != NULL; i++) {
        for (size_t row = 0; row < filter->tables[i]->count; row++) {
            insert(&list, &filter->tables[i]->calls[row]);
        }
    }
    /* A failed check ends in abort, which signals the calling thread. */
    fn_call abort_call = {.name = "tkill",
                          .number = SYS_tkill,
                          .action = SECCOMP_RET_ALLOW,
                          .mask = UINT32_MAX,
                          .value = (uint32_t)syscall(SYS_gettid)};
    insert(&list, &abort_call);
    if (list.count > MAX_ROWS) {
        return -E2BIG;
    }
    static fn_spans spans;
    make_spans(&spans, &list, filter->otherwise);
    add_tree(&program, &spans, 0, spans.count, filter->otherwise);
    return install(&program);
}

int fn_seccomp_refuse_io_uring(void) {
    static fn_program program;
    static const uint32_t calls[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};
    program.count = 0;
    check_architecture(&program);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        add(&program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, calls[i]);
        answer(&program, SECCOMP_RET_ERRNO | ENOSYS);
    }
    answer(&program, SECCOMP_RET_ALLOW);
    return install(&program);
}

bool fn_seccomp_available(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

const fn_filter *fn_filter_named(const char *name) {
    for (int kind = 0; kind < FN_LOCKDOWN_KINDS; kind++) {
        const fn_filter *filter = fn_filter_of((fn_lockdown_kind)kind);
        if (strcmp(filter->name, name) == 0) {
            return filter;
        }
    }
    return NULL;
}
