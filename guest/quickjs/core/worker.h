/* The state of one worker, and what the runtime below the Web APIs does with it. Nothing in core/
 * includes a room above it: where the runtime has to call one, it calls a hook. */
#ifndef FN_WORKER_H
#define FN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/heap.h"
#include "core/host.h"
#include "core/invocation_record.h"
#include "core/ipc.h"
#include "core/protocol_limits.h"
#include "quickjs.h"
#include "uv.h"

#define FN_EXIT_FAILED 1

#define FN_TABLE_SIZE 256 /* ids rise one by one, so the chains stay as short as can be */

typedef struct fn_rejection fn_rejection;
typedef struct fn_fetch fn_fetch;
typedef struct fn_program fn_program;

/* Where a function may read and write; none: everywhere that the system lets it. */
typedef struct {
    char **list;
    size_t count;
} fn_paths;

typedef struct {
    uint64_t memory_bytes;
    uint64_t cpu_ms;
    uint64_t fds;
    uint64_t load_ms;
    uint64_t load_cpu_ms;
    bool allow_eval;
    bool allow_filesystem;
    bool allow_child_process;
} fn_limits;

/* What there is for a worker to close behind itself. Landlock's rulesets: one that allows nothing,
 * and that of the template's kind; -1 where there is none. */
enum { FN_RULES_SEALED, FN_RULES_KIND, FN_RULESETS };
typedef struct {
    int rulesets[FN_RULESETS];
    bool landlock;
    bool seccomp;
} fn_closing;

/* What the command line says of the files that workers of this template may have. */
typedef struct {
    bool any;     /* all that the root holds */
    bool network; /* the root's network, too */
    char **paths; /* --read, --write or --program and a path, by turns */
    size_t count;
} fn_grants;

typedef struct fn_worker fn_worker;

/* What the runtime calls in the rooms above it. Set once, in zygote/compose.c. */
typedef struct {
    /* The invocation has to stop, and none of its code is on the stack any more. */
    void (*stopped)(fn_worker *worker, fn_invocation *invocation);
    /* Promise jobs ran; `drained`: all of them. Returns whether there is still nothing to run. */
    bool (*jobs_ran)(fn_worker *worker, bool drained);
    /* Nothing caught this exception. */
    void (*uncaught)(fn_worker *worker, fn_invocation *invocation, JSValueConst error);
    /* Ends the process. */
    void (*out_of_memory)(fn_worker *worker);
    /* From here on modules import what a bundle may import, and nothing else. */
    void (*seal_imports)(fn_worker *worker);
    /* Ends the processes that the invocation started (NULL: that any started). */
    void (*end_processes)(fn_worker *worker, const fn_invocation *invocation);
} fn_core_hooks;

struct fn_worker {
    const fn_core_hooks *hooks;
    fn_heap heap;
    JSRuntime *rt;
    JSContext *ctx;         /* tenant code runs here */
    JSContext *compile_ctx; /* and is compiled here, where none ever runs */
    bool sealed;            /* no module imports anything any more */

    uv_loop_t loop;
    bool loop_made;
    uv_poll_t poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t load_timer;
    uv_timer_t grace_timer;
    bool writable_wanted;
    bool shutting_down;
    fn_ipc ipc;

    uint64_t number;
    bool forked; /* off a template */
    fn_limits limits;
    fn_paths paths;
    fn_closing closing;
    uint64_t template_bytes; /* address space before the fork */
    JSValue handler;         /* the function, and what it is called on */
    JSValue handler_this;
    bool handler_is_fetch; /* (request, env, ctx), else (request, ctx) */
    JSValue env;
    JSValue function_name;
    JSValue version;
    JSValue project;
    bool ready;
    uint64_t asked_ns; /* when what is handled now was sent; 0: just now */

    fn_invocation load;
    fn_invocation *current; /* whose code runs; NULL between turns */
    uint64_t current_cpu;   /* the thread's CPU clock, and the wall clock, when it became current */
    uint64_t current_wall;
    unsigned depth; /* entered, see fn_enter */
    fn_invocation *table[FN_TABLE_SIZE];
    unsigned in_flight;
    uint32_t last_id;
    fn_invocation *finished;
    fn_fetch *fetches; /* all that run, the last one first */
    uint32_t last_fetch;
    fn_rejection *rejections;
    fn_program *programs; /* that functions started */
    unsigned program_count;
    bool rejections_told; /* to a listener of the tenant's, so that it is told of handlers too */
    unsigned logs_dropped;
    JSClassID async_class;
    JSClassID async_frame_class;
    JSClassID context_class;
};

fn_worker *fn_worker_of(JSContext *ctx);
/* engine.c: what the template makes, and what a worker makes anew. */
int fn_engine_init(fn_worker *worker, const fn_core_hooks *hooks);
void fn_engine_seal(fn_worker *worker);
int fn_engine_after_fork(fn_worker *worker);
void fn_engine_free(fn_worker *worker);

/* budget.c: whose code runs, and how much of it. */
uint64_t fn_wall_ns(void);
void fn_budget_init(fn_worker *worker);
/* In the worker, for timers do not survive a fork. 0 or a negative errno. */
int fn_budget_start_ticks(fn_worker *worker);
void fn_budget_switch(fn_worker *worker, fn_invocation *invocation);

/* async_context.c */
int fn_async_init(fn_worker *worker);
JSValue fn_async_new(fn_worker *worker, fn_invocation *invocation);
fn_invocation *fn_async_invocation(fn_worker *worker, JSValueConst async_context);
/* fn:async */
extern const JSCFunctionListEntry fn_async_functions[];
extern const int fn_async_function_count;
typedef struct {
    fn_invocation *outer;
    JSValue outer_async;
} fn_scope;
/* Code that runs between these two is the invocation's. Where it was to be stopped, the outermost
 * fn_leave does so: it may be gone then. */
fn_scope fn_enter(fn_worker *worker, fn_invocation *invocation);
void fn_leave(fn_worker *worker, fn_scope scope);

/* undefined_global_hints.c */
void fn_missing_init(fn_worker *worker);

/* jobs.c: promise jobs, for a while; what is left runs in the next turn of the loop. */
void fn_jobs_run(fn_worker *worker);

/* log.c */
void fn_log(fn_worker *worker, const fn_invocation *invocation, fn_log_level level,
            const char *message, size_t len);
/* limits.c */
int fn_paths_add(fn_paths *paths, const char *path);
void fn_paths_free(fn_paths *paths);
uint64_t fn_limits_address_space(void);
int fn_limits_apply(const fn_worker *worker);

/* lockdown.c */
/* In the template. 0 or -errno. */
int fn_closing_prepare(fn_worker *worker, const fn_grants *grants);
/* In the worker: from here on there is nothing but what its capabilities grant. 0 or -errno. */
int fn_closing_close(fn_worker *worker);
/* Reads the rest of a command line; false for what is no grant. */
bool fn_grants_read(fn_grants *grants, char **argv);
/* The names of the layers, as the items of a JSON array. */
int fn_closing_list(const fn_worker *worker, char *out, size_t size);

#endif
