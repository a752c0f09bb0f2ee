/* Macros for the tables of system calls. */
#ifndef FN_CALLS_H
#define FN_CALLS_H

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include "lockdown/lockdown.h"

#define ALLOW(call) {#call, __NR_##call, SECCOMP_RET_ALLOW, 0, 0, 0}
#define ALLOW_IF(call, argument, mask, value)                                                      \
    {#call, __NR_##call, SECCOMP_RET_ALLOW, argument, mask, value}
#define KILL(call) {#call, __NR_##call, SECCOMP_RET_KILL_PROCESS, 0, 0, 0}
#define REFUSE(call, error) {#call, __NR_##call, SECCOMP_RET_ERRNO | (error), 0, 0, 0}
#define TABLE(rows) {rows, sizeof(rows) / sizeof((rows)[0])}

#define ANY_BIT UINT32_MAX

extern const fn_calls fn_calls_general;
extern const fn_calls fn_calls_processes;
extern const fn_calls fn_calls_lethal;

#endif
