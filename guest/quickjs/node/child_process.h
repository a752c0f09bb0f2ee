/* What the files of `fn:process` know of each other. */
#ifndef FN_PROGRAM_H
#define FN_PROGRAM_H

#include "node/node.h"

#define FN_STREAMS 3

struct fn_program {
    fn_program *next;
    fn_worker *worker;
    fn_invocation *invocation;
    uv_process_t process;
    uv_pipe_t pipes[FN_STREAMS];
    unsigned handles; /* not closed yet */
    bool running;
    bool object_gone;
    bool told_all; /* `async` and `on_event` are given up */
    unsigned open_outputs;
    JSValue async;
    JSValue on_event; /* (what, value, value) */
};

/* child_process.c */

/* NULL with a TypeError where it is none. */
fn_program *fn_program_of(JSContext *ctx, JSValueConst value);
/* Tells its listener; takes the values over. The listener may end the invocation. */
void fn_program_tell(fn_program *program, const char *what, JSValue first, JSValue second);
void fn_program_close_handle(uv_handle_t *handle);
void fn_program_close_pipe(fn_program *program, int which);

/* child_process_streams.c */

enum { FN_PROGRAM_READ, FN_PROGRAM_PAUSE };
JSValue fn_program_read(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv,
                        int how);
JSValue fn_program_write(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);
JSValue fn_program_end_input(JSContext *ctx, JSValueConst this_value, int argc, JSValueConst *argv);

#endif
