/* The state of one worker, and the runtime functions below the Web APIs. Nothing in core/ includes
 * a directory above it: where the runtime has to call one, it calls a hook. */
#ifndef FN_WORKER_H
#define FN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/background.h"
#include "core/heap.h"
#include "core/host.h"
#include "core/invocation_record.h"
#include "core/ipc.h"
#include "core/protocol_limits.h"
#include "quickjs.h"
#include "uv.h"

#define FN_EXIT_FAILED 1

#define FN_TABLE_SIZE 256 /* ids rise one by one, so the chains stay short */

typedef struct fn_rejection fn_rejection;
typedef struct fn_fetch fn_fetch;
typedef struct fn_child_process fn_child_process;

/* Where a function may read and write; an empty list: everywhere that the sandbox allows. */
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
    uint64_t background_ms;
    uint64_t background_percent;
    bool allow_eval;
    bool allow_filesystem;
    bool allow_child_process;
} fn_limits;

/* The prepared restrictions. Two Landlock rulesets: one that allows nothing, and that of the
 * zygote's sandbox kind; -1 without Landlock. */
enum { FN_RULES_SEALED, FN_RULES_KIND, FN_RULESETS };
typedef struct {
    int rulesets[FN_RULESETS];
    bool landlock;
    bool seccomp;
} fn_lockdown;

/* The file access of the workers of this zygote, from the command line. */
typedef struct {
    bool any;     /* every file in the root */
    bool network; /* the network namespace's network */
    char **paths; /* pairs of --read, --write or --program and a path */
    size_t count;
} fn_grants;

typedef struct fn_worker fn_worker;

/* Calls from the runtime into the directories above it. Set once, in zygote/compose.c. */
typedef struct {
    /* The invocation has to stop, and none of its code is on the stack any more. */
    void (*stopped)(fn_worker *worker, fn_invocation *invocation);
    /* Promise jobs ran; `drained` means all of them. Returns whether there is still nothing to run.
     */
    bool (*jobs_ran)(fn_worker *worker, bool drained);
    /* Writes what waits for the channel. */
    void (*flush)(fn_worker *worker);
    /* Whether a timer of a request in flight is due. */
    bool (*timer_waits)(fn_worker *worker);
    /* An exception was not caught. */
    void (*uncaught)(fn_worker *worker, fn_invocation *invocation, JSValueConst error);
    /* Ends the process. */
    void (*out_of_memory)(fn_worker *worker);
    /* From this call on, modules can import only what a bundle may import. */
    void (*seal_imports)(fn_worker *worker);
    /* Ends the processes that the invocation started; NULL: of all invocations. */
    void (*end_processes)(fn_worker *worker, const fn_invocation *invocation);
} fn_core_hooks;

/* Bytes of the host's reason to end the worker, with the end of the string; the rest is cut. */
#define FN_MAX_SHUTDOWN_REASON 160

struct fn_worker {
    const fn_core_hooks *hooks;
    fn_heap heap;
    JSRuntime *rt;
    JSContext *ctx;         /* tenant code runs here */
    JSContext *compile_ctx; /* compiles tenant code, and never runs it */
    bool sealed;            /* imports of built-ins are closed */

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
    uint64_t shutdown_at; /* uv_now when the host asked, and when its grace ends */
    uint64_t shutdown_by;
    char shutdown_reason[FN_MAX_SHUTDOWN_REASON]; /* for people */
    fn_ipc ipc;

    uint64_t number;
    bool forked; /* from a zygote */
    fn_limits limits;
    fn_paths paths;
    fn_lockdown lockdown;
    uint64_t zygote_bytes; /* address space of the zygote, before the fork */
    JSValue handler;       /* the handler, and its `this` */
    JSValue handler_this;
    bool handler_is_fetch; /* (request, env, ctx), else (request, ctx) */
    JSValue env;
    JSValue function_name;
    JSValue version;
    JSValue project;
    bool ready;
    uint64_t asked_ns; /* when the current message was sent; 0: just now */

    fn_invocation load;
    fn_invocation *current; /* the running invocation; NULL between turns */
    uint64_t
        current_cpu; /* the thread's CPU clock and the monotonic clock when it became current */
    uint64_t current_wall;
    bool current_background; /* its time is background time */
    uint64_t charged_ns;     /* CPU time of all code so far */
    fn_background background;
    unsigned depth; /* nesting of fn_enter */
    fn_invocation *table[FN_TABLE_SIZE];
    unsigned in_flight;
    uint32_t last_id;
    fn_invocation *finished;
    fn_fetch *fetches; /* all running fetches, the latest first */
    uint32_t last_fetch;
    fn_rejection *rejections;
    fn_child_process *child_processes; /* child processes that functions started */
    unsigned child_process_count;
    bool rejections_reported; /* a listener was notified, so it has to be notified of late handlers
                                 too */
    uint32_t logs_dropped;    /* since the last logs-dropped message */
    JSClassID async_class;
    JSClassID async_frame_class;
    JSClassID context_class;
};

fn_worker *fn_worker_of(JSContext *ctx);
/* engine.c: what the zygote makes, and what a worker renews. */
int fn_engine_init(fn_worker *worker, const fn_core_hooks *hooks);
void fn_engine_seal(fn_worker *worker);
int fn_engine_after_fork(fn_worker *worker);
void fn_engine_free(fn_worker *worker);

/* budget.c: which invocation runs, and its CPU time. */
uint64_t fn_wall_ns(void);
uint64_t fn_cpu_ns(void); /* of this thread */
void fn_budget_init(fn_worker *worker);
/* In the worker, because timers do not survive a fork. 0 or a negative errno. */
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
/* Code between these two calls is charged to the invocation. If it has to be stopped, the outermost
 * fn_leave does so: the invocation may be freed then. */
fn_scope fn_enter(fn_worker *worker, fn_invocation *invocation);
void fn_leave(fn_worker *worker, fn_scope scope);

/* background.c */
int fn_background_init(fn_worker *worker);
/* The bundle is loaded. */
void fn_background_start(fn_worker *worker);
/* Whether what this invocation runs is background work. */
bool fn_is_background(const fn_worker *worker, const fn_invocation *invocation);
bool fn_background_may_run(fn_worker *worker, const fn_invocation *invocation);
/* The same for a job, which is parked if it may not run. */
bool fn_background_may_run_job(fn_worker *worker, const fn_invocation *invocation);
void fn_background_charge(fn_worker *worker, uint64_t cpu_ns);
/* From the interrupt handler: whether the background turn that runs has to end. */
bool fn_background_exceeded(fn_worker *worker);
/* After a turn: if it was interrupted, logs that. */
void fn_background_turn_over(fn_worker *worker, const fn_invocation *invocation);
/* Requests run again, or none does any more. */
void fn_background_busy(fn_worker *worker);
void fn_background_idle(fn_worker *worker);
/* A worker without requests: whether background work is due that may still run. */
bool fn_background_waits(const fn_worker *worker);
/* Until when it may run, by uv_now. */
uint64_t fn_background_until(const fn_worker *worker);
/* Something that was still to run was ended: asks the host to replace the worker. */
void fn_background_lost(fn_worker *worker);
/* Only in builds with sanitizers. */
void fn_background_free(fn_worker *worker);

/* undefined_global_hints.c */
void fn_undefined_global_hints_init(fn_worker *worker);

/* jobs.c: runs promise jobs for a limited time; the rest runs in the next turn of the loop. */
void fn_jobs_run(fn_worker *worker);

/* log.c */
void fn_log(fn_worker *worker, const fn_invocation *invocation, fn_log_level level,
            const char *message, size_t len);
/* Tells the host how many lines were dropped, if any. */
void fn_log_report_dropped(fn_worker *worker);
/* limits.c */
int fn_paths_add(fn_paths *paths, const char *path);
void fn_paths_free(fn_paths *paths);
uint64_t fn_limits_address_space(void);
int fn_limits_apply(const fn_worker *worker);

/* lockdown.c */
/* In the zygote. 0 or -errno. */
int fn_lockdown_prepare(fn_worker *worker, const fn_grants *grants);
/* In the worker: irreversibly restricts it to its capabilities. 0 or -errno. */
int fn_lockdown_apply(fn_worker *worker);
/* Reads the rest of the command line; false if it is not a valid grant. */
bool fn_grants_read(fn_grants *grants, char **argv);
/* The names of the layers in force, as items of a JSON array. */
int fn_lockdown_layers(const fn_worker *worker, char *out, size_t size);

#endif
