/* Declarations that the files of `fn:process` share. */
#ifndef FN_CHILD_PROCESS_H
#define FN_CHILD_PROCESS_H

#include "node/node.h"

#define FN_STREAMS 3

struct fn_child_process {
    fn_child_process *next;
    fn_worker *worker;
    fn_invocation *invocation;
    uv_process_t process;
    uv_pipe_t pipes[FN_STREAMS];
    unsigned handles; /* open handles */
    bool running;
    bool object_gone;
    bool events_over; /* `async` and `on_event` were freed: no more events */
    unsigned open_outputs;
    JSValue async;
    JSValue on_event; /* (what, value, value) */
};

/* child_process.c */

/* NULL with a TypeError if it is not a child process. */
fn_child_process *fn_child_process_of(JSContext *ctx, JSValueConst value);
/* Calls its listener with an event, and takes ownership of the values. The listener may end the
 * invocation. */
void fn_child_process_emit(fn_child_process *child, const char *what, JSValue first,
                           JSValue second);
void fn_child_process_close_handle(uv_handle_t *handle);
void fn_child_process_close_pipe(fn_child_process *child, int which);

/* child_process_streams.c */

enum { FN_CHILD_PROCESS_READ, FN_CHILD_PROCESS_PAUSE };
JSValue fn_child_process_read(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                              int how);
JSValue fn_child_process_write(JSContext *ctx, JSValueConst this_value, int argc,
                               JSValueConst *argv);
JSValue fn_child_process_end_input(JSContext *ctx, JSValueConst this_value, int argc,
                                   JSValueConst *argv);

#endif
