/* What the directories above core/ use of the runtime. Everything here is implemented in
 * guest/quickjs/core. */
#ifndef FN_HOST_H
#define FN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"
#include "uv.h"

/* The owner of a body: an invocation's number, or a fetch's number with this bit. */
typedef uint64_t fn_body_id;
#define FN_BODY_OF_FETCH ((fn_body_id)1 << 32)

typedef enum { FN_LOG_DEBUG, FN_LOG_INFO, FN_LOG_WARN, FN_LOG_ERROR } fn_log_level;

/* Logs a line of console output in UTF-8 for the running invocation. */
void fn_host_log(JSContext *ctx, fn_log_level level, const char *message, size_t len);

/* The worker's loop; NULL in the zygote, where no I/O may start. */
uv_loop_t *fn_host_loop(JSContext *ctx);

/* The current async context (an invocation and its AsyncLocalStorage values). Take it when a
 * callback is registered, pass it to fn_host_call when the callback runs, and free it with
 * JS_FreeValue. */
JSValue fn_host_async_context(JSContext *ctx);

/* Calls `func` from the loop inside `async_context`, charged to that invocation, then runs the
 * promise jobs. Does nothing if the invocation was stopped. If it has ended, the call is background
 * work, and may be made later. An exception is reported to the invocation's log. The caller keeps
 * ownership of the arguments. */
void fn_host_call(JSContext *ctx, JSValueConst async_context, JSValueConst func, int argc,
                  JSValueConst *argv);
/* Whether code of this async context may run at all: its invocation was not stopped. */
bool fn_host_async_live(JSContext *ctx, JSValueConst async_context);
/* Whether its invocation is a request that has not ended. */
bool fn_host_in_flight(JSContext *ctx, JSValueConst async_context);
/* Whether it may run now; if not, it may be deferred. */
bool fn_host_may_run(JSContext *ctx, JSValueConst async_context);

/* An entry of the list of what waits until background work may run. `link` is NULL outside of the
 * list. Its owner keeps it alive while it is in the list. */
typedef struct fn_deferred {
    struct fn_deferred *next;
    struct fn_deferred **link;
    void (*run)(struct fn_deferred *deferred); /* after it was taken off the list */
} fn_deferred;
void fn_host_defer(JSContext *ctx, fn_deferred *deferred, void (*run)(fn_deferred *deferred));
void fn_host_undefer(JSContext *ctx, fn_deferred *deferred);

/* Around a call that is made again and again, and so goes on when one was interrupted. */
void fn_host_repeats(JSContext *ctx, bool repeats);

/* Whether strings may be run as code. */
bool fn_host_may_eval(JSContext *ctx);

/* Reports an uncaught exception (reportError, an event listener, a timer). */
void fn_host_report_error(JSContext *ctx, JSValueConst error);

/* Whether the running invocation has to stop: it exceeded its CPU limit or deadline, or was
 * cancelled. Long native work asks about every millisecond, and stops with an exception that
 * scripts cannot catch. */
bool fn_host_stopped(JSRuntime *rt);

/* Fills `buffer` with random bytes from the kernel, so that forked workers differ. */
int fn_host_random(void *buffer, size_t len);

/* Ends the process because an indispensable allocation failed, after it has reported to the host
 * which invocation asked for the memory. */
_Noreturn void fn_host_out_of_memory(JSRuntime *rt);

/* The bytecode of a module that was compiled at build time from guest/quickjs/web/<name>.js. */
const uint8_t *fn_host_builtin(const char *name, size_t *len);
/* The flags for JS_ReadObject: the streams modules hide their state. */
int fn_host_builtin_flags(const char *name);

/* Allows or forbids that modules import built-ins: a sealed worker forbids it outside of two calls
 * of this function. */
void fn_host_imports(JSContext *ctx, bool allow);

#endif
