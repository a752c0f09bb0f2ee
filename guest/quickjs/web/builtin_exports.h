/* The module `fn:web`. */
#ifndef FN_WEB_BUILTIN_EXPORTS_H
#define FN_WEB_BUILTIN_EXPORTS_H

#include "quickjs.h"

int fn_builtin_exports_init(JSContext *ctx);

#endif
