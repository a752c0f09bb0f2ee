/* The modules `fn:...` that a bundle can import; the sources of node:* modules in guest/node use
 * them. */
#ifndef FN_NODE_H
#define FN_NODE_H

#include "core/worker.h"

/* files.c: fn:fs */
int fn_files_init(fn_worker *worker);
extern const JSCFunctionListEntry fn_file_functions[];
extern const int fn_file_function_count;

/* child_process.c: fn:process */
int fn_child_processes_init(fn_worker *worker);
/* Ends the processes that the invocation started (NULL: all invocations), and their descendants. No
 * more events are emitted for them. */
void fn_child_processes_end(fn_worker *worker, const fn_invocation *invocation);
extern const JSCFunctionListEntry fn_child_process_functions[];
extern const int fn_child_process_function_count;

/* dns.c: fn:dns */
extern const JSCFunctionListEntry fn_dns_functions[];
extern const int fn_dns_function_count;

/* zlib.c: fn:zlib */
int fn_zlib_init(fn_worker *worker);
extern const JSCFunctionListEntry fn_zlib_functions[];
extern const int fn_zlib_function_count;

/* values.c: fn:values */
extern const JSCFunctionListEntry fn_value_functions[];
extern const int fn_value_function_count;

/* bundle_imports.c: the modules `fn:...`, the only ones that a bundle can import. Called when the
 * built-ins have loaded each other. */
void fn_bundle_imports_init(fn_worker *worker);

#endif
