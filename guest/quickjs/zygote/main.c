/* quickjs-worker: started by functions-launcher, once for each kind of sandbox. */
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include "quickjs.h"
#include "zygote/zygote.h"
#include "lockdown/lockdown.h"

#ifndef FN_VERSION
#define FN_VERSION "development"
#endif

/* All tenants' processes run as one user. Without this, each could read and write another's memory
 * through /proc, or trace it. The workers inherit it. */
static void forbid_tracing(void) {
#ifndef FN_SANITIZE
    /* The leak check at the end of a sanitized worker is a tracer itself. */
    if (prctl(PR_SET_DUMPABLE, 0) != 0) {
        perror("quickjs-worker: prctl");
        exit(1);
    }
#endif
}

/* Prints the system calls that a kind of worker may make, for people and for a test. */
static int print_calls(const char *kind) {
    const fn_filter *filter = fn_filter_named(kind);
    if (filter == NULL) {
        fprintf(stderr, "quickjs-worker: unknown filter '%s'\n", kind);
        return 2;
    }
    for (size_t i = 0; i < FN_MAX_TABLES && filter->tables[i] != NULL; i++) {
        for (size_t row = 0; row < filter->tables[i]->count; row++) {
            const fn_call *call = &filter->tables[i]->calls[row];
            if (call->action == SECCOMP_RET_ALLOW) {
                printf("%s%s\n", call->name, call->mask == 0 ? "" : " (in part)");
            }
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static fn_worker worker;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("quickjs-worker " FN_VERSION " (quickjs-ng %s, protocol 1)\n", JS_GetVersion());
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--system-calls") == 0) {
        return print_calls(argv[2]);
    }
    fn_grants grants = {0};
    bool single = argc > 1 && strcmp(argv[1], "--worker") == 0;
    bool zygote = argc > 1 && strcmp(argv[1], "--template") == 0;
    if ((!single && !zygote) || !fn_grants_read(&grants, argv + 2)) {
        fputs("usage: quickjs-worker --template | --worker [--any-file] [--network]\n"
              "                      [--read PATH] [--write PATH] [--program PATH]...\n"
              "       quickjs-worker --version | --system-calls KIND\n"
              "functions-launcher starts it: a zygote, with a channel at descriptor 3 and a\n"
              "listener at 4, which forks workers; or one worker, with its channel at 3.\n",
              stderr);
        return 2;
    }
    forbid_tracing();
    clearenv(); /* libuv and the C library read variables; none may have an effect */
    if (single) {
        fn_worker_run(&worker, &grants);
    }
    fn_zygote_run(&worker, &grants);
}
