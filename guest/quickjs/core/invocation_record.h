/* The record of one invocation: whose code runs, what it may still use, and why it is to stop. The
 * runtime keeps it; what the messages about it say and do is in invocation/. */
#ifndef FN_INVOCATION_RECORD_H
#define FN_INVOCATION_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/buffer.h"
#include "core/host.h"
#include "quickjs.h"

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

fn_invocation *fn_invocation_ref(fn_invocation *invocation);
void fn_invocation_unref(fn_invocation *invocation);
/* May its code still run? */
bool fn_invocation_live(const fn_invocation *invocation);

#endif
