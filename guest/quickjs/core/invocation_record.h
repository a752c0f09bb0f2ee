/* The record of one invocation: whose code runs, what it may still use, and why it has to stop. The
 * runtime keeps it; the code for its messages is in invocation/. */
#ifndef FN_INVOCATION_RECORD_H
#define FN_INVOCATION_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/buffer.h"
#include "core/host.h"
#include "core/protocol_limits.h"
#include "quickjs.h"

typedef struct fn_invocation fn_invocation;

/* Why an invocation has to stop. */
typedef enum { FN_STOP_NONE, FN_STOP_CPU, FN_STOP_TIMEOUT, FN_STOP_MEMORY, FN_STOP_CANCEL } fn_stop;

/* RUNNING: the response has not begun. BODY: its head was sent. WAITING: the response is complete,
 * waitUntil is not. FINISHED: only `done` is missing. GONE: `done` was sent, and what it left
 * behind is background work. */
typedef enum { FN_RUNNING, FN_BODY, FN_WAITING, FN_FINISHED, FN_GONE } fn_state;

typedef struct {
    fn_body_id id;
    fn_invocation *invocation;
    bool open;            /* the head was sent, the end was not */
    uint32_t credit;      /* bytes that may be sent now */
    JSValue hold;         /* keeps `bytes` alive */
    const uint8_t *bytes; /* the unsent rest of a body in memory */
    size_t len;
    fn_buffer rest;       /* the rest of the pump's last chunk; `bytes` then points into it */
    JSValue pump;         /* undefined if there is none */
    bool asked;           /* the pump was asked and has not answered */
    bool ended;           /* the pump has ended */
    bool pumping;         /* ask_pump handles an immediate answer in its loop, not by recursion */
    fn_deferred deferred; /* the pump waits until background work may run */
    struct fn_worker *worker;
} fn_body_out;

typedef struct {
    uint32_t outstanding; /* bytes received and not consumed */
    uint32_t owed;        /* bytes consumed and not yet given as credit */
    bool ended;           /* the end was received */
    bool unwanted;        /* `cancel` was sent: the rest is not wanted */
    uint64_t awaited_ns;  /* since when the client is waited for; 0: it is not */
} fn_body_in;

/* One request that is being handled; or, with `load` set, the bundle's own code outside of any
 * request. Reference-counted: the table holds one reference, and each JS object that names it
 * another. */
struct fn_invocation {
    uint32_t id;
    unsigned references;
    bool load;
    bool disconnected; /* the client is gone: nobody wants the response */
    fn_state state;
    fn_stop stop;
    uint64_t cpu_ns;
    uint64_t cpu_limit_ns;
    uint64_t deadline_ns; /* monotonic; 0: none, or the response has begun */
    int64_t deadline_ms;  /* since the epoch, for ctx.deadline */
    JSValue async;        /* the async context of this invocation; owned until GONE */
    JSValue request;      /* the Request object; owned until GONE */
    char *request_id;
    size_t request_id_len;
    char client[FN_MAX_CLIENT_ADDRESS]; /* the client's address, for ctx.clientAddress */
    size_t client_len;                  /* 0: it is not known */
    fn_body_in in;
    fn_body_out out;
    unsigned waiting; /* pending promises of waitUntil */
    fn_invocation *next_in_table;
    fn_invocation *next_finished;
};

fn_invocation *fn_invocation_ref(fn_invocation *invocation);
void fn_invocation_unref(fn_invocation *invocation);
/* Whether its code may still run: it was not stopped. */
bool fn_invocation_live(const fn_invocation *invocation);

#endif
