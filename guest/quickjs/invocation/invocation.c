/* An invocation from its handler's result to `done`, which is sent exactly once and last. */
#include "invocation/invocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/check.h"
#include "core/json_out.h"

fn_invocation *fn_invocation_new(fn_worker *worker, uint32_t id) {
    fn_invocation *invocation = calloc(1, sizeof(*invocation));
    if (invocation == NULL) {
        return NULL;
    }
    invocation->id = id;
    invocation->references = 1;
    invocation->async = invocation->request = JS_UNDEFINED;
    fn_body_out_init(&invocation->out, id, invocation);
    fn_invocation **chain = &worker->table[id % FN_TABLE_SIZE];
    invocation->next_in_table = *chain;
    *chain = invocation;
    if (worker->in_flight++ == 0) {
        fn_background_busy(worker);
        fn_heap_keep(&worker->heap, true);
    }
    return invocation;
}

fn_invocation *fn_invocation_find(fn_worker *worker, uint32_t id) {
    fn_invocation *invocation = worker->table[id % FN_TABLE_SIZE];
    while (invocation != NULL && invocation->id != id) {
        invocation = invocation->next_in_table;
    }
    return invocation;
}

void fn_invocation_drop(fn_worker *worker, fn_invocation *invocation) {
    fn_invocation **link = &worker->table[invocation->id % FN_TABLE_SIZE];
    while (*link != invocation) {
        link = &(*link)->next_in_table;
    }
    *link = invocation->next_in_table;
    worker->in_flight--;
    invocation->state = FN_GONE;
    worker->hooks->end_processes(worker, invocation);
    fn_body_out_free(worker, &invocation->out);
    JS_FreeValue(worker->ctx, invocation->request);
    JS_FreeValue(worker->ctx, invocation->async);
    invocation->request = invocation->async = JS_UNDEFINED;
    fn_invocation_unref(invocation);
    if (worker->in_flight == 0) {
        fn_background_idle(worker);
        fn_heap_keep(&worker->heap, false);
    }
}

/* Ends the invocation and sends `done`. What is left of it is background work, or, if it was
 * stopped, ends now. */
static void finish_now(fn_worker *worker, fn_invocation *invocation) {
    fn_request_over(worker, invocation);
    if (invocation->stop != FN_STOP_NONE) {
        fn_leftover_end(worker, invocation);
    }
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "done");
    fn_buffer_text(out, ",\"id\":");
    fn_json_uint(out, invocation->id);
    fn_buffer_text(out, ",\"cpu_us\":");
    fn_json_uint(out, invocation->cpu_ns / 1000);
    fn_buffer_text(out, ",\"heap_bytes\":");
    fn_json_uint(out, worker->heap.used);
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        fn_worker_exit(worker, FN_EXIT_BREACH, false);
    }
    fn_invocation_drop(worker, invocation);
}

/* `done` waits for the end of the turn, so that jobs that are already queued still run. */
static void finish(fn_worker *worker, fn_invocation *invocation) {
    invocation->state = FN_FINISHED;
    invocation->next_finished = worker->finished;
    worker->finished = invocation;
}

static void unlink_finished(fn_worker *worker, const fn_invocation *invocation) {
    fn_invocation **link = &worker->finished;
    while (*link != NULL && *link != invocation) {
        link = &(*link)->next_finished;
    }
    if (*link != NULL) {
        *link = invocation->next_finished;
    }
}

void fn_invocations_finish(fn_worker *worker) {
    while (worker->finished != NULL) {
        fn_invocation *invocation = worker->finished;
        worker->finished = invocation->next_finished;
        if (invocation->waiting > 0) {
            invocation->state = FN_WAITING; /* waitUntil was called after the end of the response */
        } else {
            finish_now(worker, invocation);
        }
    }
}

void fn_invocation_responded(fn_worker *worker, fn_invocation *invocation) {
    invocation->state = FN_WAITING;
    fn_body_out_free(worker, &invocation->out);
    if (invocation->waiting == 0) {
        finish(worker, invocation);
    }
}

static void send_error(fn_worker *worker, const fn_invocation *invocation, const char *code,
                       const char *message, const char *stack) {
    if (fn_send_error(worker, invocation, code, message, stack) != 0) {
        fn_worker_exit(worker, FN_EXIT_BREACH, false);
    }
}

void fn_invocation_fail(fn_worker *worker, fn_invocation *invocation, const char *code,
                        const char *message, const char *stack) {
    if (invocation->state >= FN_WAITING) {
        return;
    }
    send_error(worker, invocation, code, message, stack);
    fn_invocation_responded(worker, invocation);
}

/* The handler threw, or the stream of its response body failed. */
void fn_invocation_throw(fn_worker *worker, fn_invocation *invocation, JSValueConst error) {
    if (invocation->stop != FN_STOP_NONE || invocation->state >= FN_WAITING) {
        return;
    }
    fn_error_text text = {0};
    if (fn_web_error_text(worker->ctx, error, &text) == 0 && text.message != NULL) {
        fn_invocation_fail(worker, invocation, "HANDLER_ERROR", text.message, text.stack);
    } else {
        fn_invocation_fail(worker, invocation, "HANDLER_ERROR", "The handler failed.", NULL);
    }
    js_free(worker->ctx, text.message);
    js_free(worker->ctx, text.stack);
}

static const char *stop_code(fn_stop stop) {
    return stop == FN_STOP_CPU ? "CPU_LIMIT" : stop == FN_STOP_MEMORY ? "MEMORY_LIMIT" : "TIMEOUT";
}

static const char *stop_message(fn_stop stop) {
    return stop == FN_STOP_CPU      ? "The invocation exceeded its CPU time limit."
           : stop == FN_STOP_MEMORY ? "The function exceeded its memory limit."
                                    : "The response did not begin before the deadline.";
}

/* Code that the bundle started while it loaded was stopped, and everything that it would do later.
 */
static void load_stopped(fn_worker *worker, const char *message) {
    static const char what[] = "Code that the bundle runs outside of any invocation was stopped: ";
    if (!worker->ready) {
        fn_bundle_failed(worker, stop_code(worker->load.stop), message, NULL);
    }
    char text[256];
    int len = snprintf(text, sizeof(text), "%s%s", what, message);
    fn_log(worker, &worker->load, FN_LOG_ERROR, text, (size_t)len);
}

/* The response was complete, so that the host would not hear of it otherwise. */
static void rest_stopped(fn_worker *worker, fn_invocation *invocation, const char *message) {
    static const char what[] = "What ran after the response was stopped: ";
    char text[256];
    int len = snprintf(text, sizeof(text), "%s%s", what, message);
    fn_log(worker, invocation, FN_LOG_ERROR, text, (size_t)len);
}

/* Work that an invocation had left behind, or that the bundle started. */
static void background_stopped(fn_worker *worker, fn_invocation *invocation, const char *message) {
    static const char what[] = "What the request left behind was stopped: ";
    char text[256];
    int len = snprintf(text, sizeof(text), "%s%s", what, message);
    fn_log(worker, invocation, FN_LOG_ERROR, text, (size_t)len);
    fn_leftover_end(worker, invocation);
    fn_background_lost(worker);
}

void fn_invocation_stopped(fn_worker *worker, fn_invocation *invocation) {
    JS_FreeValue(worker->ctx, JS_GetException(worker->ctx));
    fn_stop stop = invocation->stop;
    if (invocation->load) {
        load_stopped(worker, stop_message(stop));
        fn_leftover_end(worker, invocation);
        fn_background_lost(worker);
    } else if (invocation->state != FN_GONE) {
        unlink_finished(worker, invocation);
        if (stop != FN_STOP_CANCEL && invocation->state < FN_WAITING) {
            send_error(worker, invocation, stop_code(stop), stop_message(stop), NULL);
        } else if (stop != FN_STOP_CANCEL) {
            rest_stopped(worker, invocation, stop_message(stop));
            fn_background_lost(worker);
        }
        finish_now(worker, invocation);
    } else {
        background_stopped(worker, invocation, stop_message(stop));
    }
    if (stop == FN_STOP_MEMORY) {
        fn_heap_recover(&worker->heap);
    }
}

void fn_invocation_out_of_memory(fn_worker *worker) {
    const fn_invocation *invocation = worker->current;
    const char *message = stop_message(FN_STOP_MEMORY);
    if (!worker->ready) {
        fn_bundle_failed(worker, stop_code(FN_STOP_MEMORY), message, NULL);
    } else if (invocation != NULL && !invocation->load && invocation->state < FN_WAITING) {
        send_error(worker, invocation, stop_code(FN_STOP_MEMORY), message, NULL);
    }
    fn_worker_exit(worker, FN_EXIT_FAILED, true);
}

static JSValue on_settled(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                          int rejected, JSValueConst *data) {
    (void)this_value;
    fn_worker *worker = fn_worker_of(ctx);
    fn_invocation *invocation = fn_async_invocation(worker, data[0]);
    JSValueConst value = argc > 0 ? argv[0] : JS_UNDEFINED;
    if (rejected) {
        fn_invocation_throw(worker, invocation, value);
    } else {
        fn_response_start(worker, invocation, value);
    }
    return JS_UNDEFINED;
}

static int attach(fn_worker *worker, fn_invocation *invocation, JSValueConst promise) {
    JSContext *ctx = worker->ctx;
    JSValueConst data[] = {invocation->async};
    JSValue done = JS_NewCFunctionData(ctx, on_settled, 1, false, 1, data);
    JSValue failed = JS_NewCFunctionData(ctx, on_settled, 1, true, 1, data);
    JSValue chained = JS_EXCEPTION;
    if (!JS_IsException(done) && !JS_IsException(failed)) {
        chained = JS_PromiseThen(ctx, promise, done, failed);
    }
    JS_FreeValue(ctx, done);
    JS_FreeValue(ctx, failed);
    JS_FreeValue(ctx, chained);
    return JS_IsException(chained) ? -1 : 0;
}

/* Converts a thenable that is not a native promise into one; returns any other value unchanged. */
static JSValue adopt_thenable(JSContext *ctx, JSValue result) {
    if (!JS_IsObject(result) || JS_IsPromise(result)) {
        return result;
    }
    JSValue then = JS_GetPropertyStr(ctx, result, "then");
    bool thenable = JS_IsFunction(ctx, then);
    bool failed = JS_IsException(then);
    JS_FreeValue(ctx, then);
    if (!thenable && !failed) {
        return result;
    }
    JSValue promise = failed ? JS_EXCEPTION : JS_NewSettledPromise(ctx, false, result);
    JS_FreeValue(ctx, result);
    return promise;
}

/* Takes ownership of `result`: the handler's return value, or JS_EXCEPTION. */
void fn_invocation_settle(fn_worker *worker, fn_invocation *invocation, JSValue result) {
    JSContext *ctx = worker->ctx;
    result = adopt_thenable(ctx, result);
    JSPromiseStateEnum state = JS_PromiseState(ctx, result);
    if (!JS_IsException(result) && state == JS_PROMISE_NOT_A_PROMISE) {
        fn_response_start(worker, invocation, result);
    } else if (state == JS_PROMISE_FULFILLED) {
        JSValue value = JS_PromiseResult(ctx, result);
        fn_response_start(worker, invocation, value);
        JS_FreeValue(ctx, value);
    } else if (state == JS_PROMISE_REJECTED) {
        JSValue error = JS_PromiseResult(ctx, result);
        JS_PromiseMarkAsHandled(ctx, result);
        fn_invocation_throw(worker, invocation, error);
        JS_FreeValue(ctx, error);
    } else if (JS_IsException(result) || attach(worker, invocation, result) != 0) {
        JSValue error = JS_GetException(ctx);
        fn_invocation_throw(worker, invocation, error);
        JS_FreeValue(ctx, error);
    }
    JS_FreeValue(ctx, result);
}
