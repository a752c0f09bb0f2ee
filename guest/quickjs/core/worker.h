/* What the core's files know of each other: one worker, and the invocations that it runs. */
#ifndef FN_WORKER_H
#define FN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/heap.h"
#include "core/host.h"
#include "core/ipc.h"
#include "core/protocol_limits.h"
#include "quickjs.h"
#include "uv.h"
#include "web/web.h"

#define FN_EXIT_FAILED 1

typedef struct fn_invocation fn_invocation;

/* Why an invocation is not to run any further. */
typedef enum { FN_STOP_NONE, FN_STOP_CPU, FN_STOP_TIMEOUT, FN_STOP_MEMORY, FN_STOP_CANCEL } fn_stop;

/* RUNNING: no head yet. BODY: the head is out. WAITING: the response is complete; waitUntil is not.
 * FINISHED: all is over but for `done`. GONE: nothing of it runs any more. */
typedef enum { FN_RUNNING, FN_BODY, FN_WAITING, FN_FINISHED, FN_GONE } fn_state;

typedef struct {
    fn_body_id id;
    fn_invocation *invocation;
    bool open;            /* its head is out, its end is not */
    uint32_t credit;      /* bytes that the host takes now */
    JSValue hold;         /* keeps `bytes` */
    const uint8_t *bytes; /* the rest of a body that is there already */
    size_t len;
    fn_buffer rest; /* the rest of the pump's last chunk: what `bytes` then points into */
    JSValue pump;   /* undefined when there is none */
    bool asked;     /* the pump owes an answer */
    bool ended;     /* the pump has ended */
    bool pumping;   /* an answer that comes at once is taken up by the loop, not by recursion */
} fn_body_out;

typedef struct {
    uint32_t outstanding; /* bytes that came and were not consumed */
    uint32_t owed;        /* consumed, and not yet given as credit */
    bool ended;           /* all of it came */
    bool unwanted;        /* the host was told that the rest is not wanted */
} fn_body_in;

/* One request that is being answered; or, with `load` set, the bundle's own code, which runs for no
 * request. Counted: the table holds one reference, each JS object that names it another. */
struct fn_invocation {
    uint32_t id;
    unsigned references;
    bool load;
    fn_state state;
    fn_stop stop;
    uint64_t cpu_ns;
    uint64_t cpu_limit_ns;
    uint64_t deadline_ns; /* monotonic; 0: none, or met */
    int64_t deadline_ms;  /* since the epoch, for the tenant */
    JSValue async;        /* the async context that leads back here; owned until GONE */
    JSValue request;      /* the tenant's Request; owned until GONE */
    char *request_id;
    size_t request_id_len;
    fn_body_in in;
    fn_body_out out;
    unsigned waiting; /* promises of waitUntil that have not settled */
    fn_invocation *next_in_table;
    fn_invocation *next_finished;
};

/* An outbound request of an invocation, until its response is complete. */
typedef struct fn_fetch {
    fn_body_out out;
    fn_body_in in;
    JSValue settle; /* undefined once the response has begun */
    JSValue feed;   /* where the response's body goes; undefined: none comes */
    bool no_body;   /* it asks for a head only */
    struct fn_fetch *next;
} fn_fetch;

#define FN_TABLE_SIZE 256 /* ids rise one by one, so the chains stay as short as can be */

typedef struct fn_rejection fn_rejection;
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

typedef struct {
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
} fn_worker;

fn_worker *fn_worker_of(JSContext *ctx);
/* Ends the process at once; what is queued is written first where `flush`, within a second. */
_Noreturn void fn_worker_exit(fn_worker *worker, int status, bool flush);
/* The host broke the protocol: a bug of ours. */
_Noreturn void fn_worker_breach(const char *what);

/* engine.c: what the template makes, and what a worker makes anew. */
int fn_engine_init(fn_worker *worker);
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

/* bundle.c: compiles, evaluates, finds the handler. It ends the process where that fails. Takes
 * over `payload`, in which the source lies. */
void fn_bundle_load(fn_worker *worker, const char *handler, char *payload, const char *source,
                    size_t len);
/* A module in the run context, not evaluated yet. */
JSValue fn_bundle_compile(fn_worker *worker, const char *source, size_t len);
void fn_bundle_failed(fn_worker *worker, const char *code, const char *message, const char *stack);

/* file_paths.c, files.c: fn:fs */
int fn_paths_add(fn_paths *paths, const char *path);
void fn_paths_free(fn_paths *paths);
int fn_files_init(fn_worker *worker);
extern const JSCFunctionListEntry fn_file_functions[];
extern const int fn_file_function_count;

/* programs.c: fn:process */
int fn_programs_init(fn_worker *worker);
/* Ends what the invocation started (NULL: what any did), with all that its programs started in
 * turn. Nothing of them is told any more. */
void fn_programs_end(fn_worker *worker, const fn_invocation *invocation);
extern const JSCFunctionListEntry fn_program_functions[];
extern const int fn_program_function_count;

/* natives.c: the modules `fn:...`, all that a bundle can import. They take over when the built-ins
 * have loaded each other. */
void fn_natives_init(fn_worker *worker);

/* missing.c */
void fn_missing_init(fn_worker *worker);

/* rehearsal.c */
void fn_rehearse(fn_worker *worker);

/* invocation.c */
fn_invocation *fn_invocation_new(fn_worker *worker, uint32_t id);
fn_invocation *fn_invocation_find(fn_worker *worker, uint32_t id);
fn_invocation *fn_invocation_ref(fn_invocation *invocation);
void fn_invocation_unref(fn_invocation *invocation);
bool fn_invocation_live(const fn_invocation *invocation);
void fn_invocation_settle(fn_worker *worker, fn_invocation *invocation, JSValue result);
void fn_invocation_fail(fn_worker *worker, fn_invocation *invocation, const char *code,
                        const char *message, const char *stack);
void fn_invocation_throw(fn_worker *worker, fn_invocation *invocation, JSValueConst error);
void fn_invocation_stopped(fn_worker *worker, fn_invocation *invocation);
/* Tells the host whose fault it is that the process ends now. */
void fn_invocation_out_of_memory(fn_worker *worker);
void fn_invocation_responded(fn_worker *worker, fn_invocation *invocation);
/* Ends it without a word to the host, who is gone. */
void fn_invocation_drop(fn_worker *worker, fn_invocation *invocation);
/* Sends `done` for what has finished in this turn. */
void fn_invocations_finish(fn_worker *worker);

/* request.c */
void fn_request_start(fn_worker *worker, const fn_frame *frame);
void fn_request_chunk(fn_worker *worker, fn_invocation *invocation, const fn_frame *frame);
void fn_request_end(fn_worker *worker, fn_invocation *invocation);
void fn_request_unwanted(fn_worker *worker, fn_invocation *invocation);
void fn_request_cancel(fn_worker *worker, fn_invocation *invocation, const char *reason);

/* response.c */
void fn_response_start(fn_worker *worker, fn_invocation *invocation, JSValueConst value);
/* Header lists in messages: into one, `name` with a length in place of the list's own where that is
 * given, false where they are too large; out of one, NULL when out of memory. */
bool fn_headers_put(fn_buffer *line, const fn_headers *headers, const char *name, uint64_t value);
fn_headers *fn_headers_read(yyjson_val *list);

/* body_id.c */
bool fn_body_id_is_fetch(fn_body_id id);
void fn_body_id_put(fn_buffer *line, fn_body_id id);
fn_body_id fn_body_id_of(yyjson_val *root);

/* body_out.c */
void fn_body_out_init(fn_body_out *out, fn_body_id id, fn_invocation *invocation);
/* Takes over what `view` holds. */
void fn_body_out_set(fn_body_out *out, const fn_body_view *view);
/* What may be sent now of `len` bytes; and so many were, with the head. */
size_t fn_body_out_sendable(const fn_body_out *out, size_t len);
void fn_body_out_sent(fn_body_out *out, size_t len);
/* The body began. */
void fn_body_out_pump(fn_worker *worker, fn_body_out *out);
void fn_body_out_credit(fn_worker *worker, fn_body_out *out, uint64_t bytes);
void fn_body_out_free(fn_worker *worker, fn_body_out *out);
fn_body_out *fn_body_out_find(fn_worker *worker, fn_body_id id);

/* fetch.c */
fn_fetch *fn_fetch_find(fn_worker *worker, fn_body_id id);
/* The invocation is over: so are its fetches, without a word to anybody. */
void fn_fetches_drop(fn_worker *worker, const fn_invocation *invocation);
void fn_fetch_uploaded(fn_worker *worker, fn_body_id id);
void fn_fetch_upload_failed(fn_worker *worker, fn_body_id id, JSValueConst cause);
void fn_fetch_response(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_error(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_chunk(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_end(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_credit(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);
void fn_fetch_unwanted(fn_worker *worker, fn_fetch *fetch, const fn_frame *frame);

/* context.c: the second or third argument of a handler. */
int fn_context_init(fn_worker *worker);
JSValue fn_context_new(fn_worker *worker, fn_invocation *invocation);

/* messages.c: what the host sends. */
void fn_message(fn_worker *worker, const fn_frame *frame);

/* loop.c */
int fn_loop_init(fn_worker *worker);
/* Gives the loop its channel. */
int fn_loop_attach(fn_worker *worker, int fd);
/* `started_ns`: when the start came, on the clock of fn_wall_ns. */
void fn_loop_run(fn_worker *worker, uint64_t started_ns);
void fn_loop_shutdown(fn_worker *worker, uint64_t grace_ms);
/* Runs promise jobs, for a while; what is left runs in the next turn of the loop. */
void fn_jobs_run(fn_worker *worker);

/* log.c */
void fn_log(fn_worker *worker, const fn_invocation *invocation, fn_log_level level,
            const char *message, size_t len);
/* A thrown value, with what happened to it in front. */
void fn_log_error(fn_worker *worker, fn_invocation *invocation, const char *what,
                  JSValueConst error);

/* An exception that nothing caught, within fn_enter: the tenant's listeners are told of it, and
 * where none takes it on itself, the log. */
void fn_report_uncaught(fn_worker *worker, fn_invocation *invocation, JSValueConst error);

/* rejections.c: promises that were rejected while nothing was attached to them. */
void fn_rejections_init(fn_worker *worker);
/* At the end of a turn: the tenant's listeners are told, which may queue more jobs. */
void fn_rejections_report(fn_worker *worker);
/* At an invocation's end, where nothing of it is to run any more: to the log alone. */
void fn_rejections_log(fn_worker *worker, const fn_invocation *of);
/* Without a word. */
void fn_rejections_drop(fn_worker *worker);

/* teardown.c */
void fn_teardown(fn_worker *worker, int status);

/* What the kernel refused ends the process. */
_Noreturn void fn_worker_refused(const char *what, int err);

/* limits.c */
uint64_t fn_limits_address_space(void);
int fn_limits_apply(const fn_worker *worker);

/* closing.c */
/* In the template. 0 or -errno. */
int fn_closing_prepare(fn_worker *worker, const fn_grants *grants);
/* In the worker: from here on there is nothing but what its capabilities grant. 0 or -errno. */
int fn_closing_close(fn_worker *worker);
/* Reads the rest of a command line; false for what is no grant. */
bool fn_grants_read(fn_grants *grants, char **argv);
/* The names of the layers, as the items of a JSON array. */
int fn_closing_list(const fn_worker *worker, char *out, size_t size);

/* child.c: a worker's life, from the start line on. */
_Noreturn void fn_worker_live(fn_worker *worker);

/* spare.c: the life of a fork, which waits for its connection first. It writes its number to
 * `taken` when it got one. */
_Noreturn void fn_child_run(fn_worker *worker, int listener, int taken, uint64_t number,
                            int parent);
/* A process that is one worker from its start, with its channel at 3. */
_Noreturn void fn_worker_run(fn_worker *worker, const fn_grants *grants);

#endif
