/* What the node room offers: the modules `fn:...` that a bundle can import, which the sources of
 * node:* modules in guest/node use. */
#ifndef FN_NODE_H
#define FN_NODE_H

#include "core/worker.h"

/* files.c: fn:fs */
int fn_files_init(fn_worker *worker);
extern const JSCFunctionListEntry fn_file_functions[];
extern const int fn_file_function_count;

/* child_process.c: fn:process */
int fn_programs_init(fn_worker *worker);
/* Ends what the invocation started (NULL: what any did), with all that its programs started in
 * turn. Nothing of them is told any more. */
void fn_programs_end(fn_worker *worker, const fn_invocation *invocation);
extern const JSCFunctionListEntry fn_program_functions[];
extern const int fn_program_function_count;

/* bundle_imports.c: the modules `fn:...`, all that a bundle can import. They take over when the
 * built-ins have loaded each other. */
void fn_natives_init(fn_worker *worker);

#endif
