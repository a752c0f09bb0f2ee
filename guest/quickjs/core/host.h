/* What the rooms above use of the runtime. Everything here is implemented in guest/quickjs/core. */
#ifndef FN_HOST_H
#define FN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"
#include "uv.h"

/* Whose body it is: an invocation's, by its number, or a fetch's, by its number with this bit. */
typedef uint64_t fn_body_id;
#define FN_BODY_OF_FETCH ((fn_body_id)1 << 32)

typedef enum { FN_LOG_DEBUG, FN_LOG_INFO, FN_LOG_WARN, FN_LOG_ERROR } fn_log_level;

/* A line of console output, UTF-8, attributed to the running invocation. */
void fn_host_log(JSContext *ctx, fn_log_level level, const char *message, size_t len);

/* The worker's loop: NULL in the template, where nothing may be started. */
uv_loop_t *fn_host_loop(JSContext *ctx);

/* The async context in force (an invocation and what belongs to it): take it when a callback is
 * registered, free it with JS_FreeValue, and give it to fn_host_call when the callback runs. */
JSValue fn_host_async_context(JSContext *ctx);

/* Calls `func` from the loop inside `async_context`, with that invocation's budgets, then runs the
 * promise jobs. Does nothing where that invocation has ended or was stopped. What it throws is
 * reported to the invocation's log. Arguments stay the caller's. */
void fn_host_call(JSContext *ctx, JSValueConst async_context, JSValueConst func, int argc,
                  JSValueConst *argv);
/* Is the invocation of this async context still running (or was there none)? */
bool fn_host_async_live(JSContext *ctx, JSValueConst async_context);

/* May strings be run as code? */
bool fn_host_may_eval(JSContext *ctx);

/* Reports an exception that nothing caught (reportError, a throwing event listener, a timer). */
void fn_host_report_error(JSContext *ctx, JSValueConst error);

/* Is the running invocation over its CPU limit or its deadline, or is it to end for another reason?
 * Long native work asks every millisecond or so, and gives up with an exception that no script can
 * catch. */
bool fn_host_stopped(JSRuntime *rt);

/* Fills with random bytes of the kernel, after the fork as before it. */
int fn_host_random(void *buffer, size_t len);

/* The system has no memory left for what cannot do without: ends the process, after the host was
 * told whose invocation asked for it. */
_Noreturn void fn_host_out_of_memory(JSRuntime *rt);

/* The bytecode of a module that was compiled at build time from guest/quickjs/web/<name>.js. */
const uint8_t *fn_host_builtin(const char *name, size_t *len);
/* How JS_ReadObject has to read it: the modules of the streams hide their state. */
int fn_host_builtin_flags(const char *name);

/* Lets modules import built-ins, or not: a sealed worker refuses that but in between two calls. */
void fn_host_imports(JSContext *ctx, bool allow);

#endif
