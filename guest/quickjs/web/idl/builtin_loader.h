/* Loads built-in JS modules, and calls functions that they export. */
#ifndef FN_WEB_BUILTIN_LOADER_H
#define FN_WEB_BUILTIN_LOADER_H

#include "quickjs.h"

/* Runs a module and what it imports, unless that was done before. NULL with an exception. */
JSModuleDef *fn_builtin_load(JSContext *ctx, const char *file);
/* Runs the module `file`, whose exports fn_hook calls. 0, or -1 with an exception. */
int fn_hooks_load(JSContext *ctx, const char *file);
JSValue fn_hook(JSContext *ctx, const char *name, int argc, JSValueConst *argv);

#endif
