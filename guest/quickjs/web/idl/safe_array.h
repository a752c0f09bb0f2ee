/* Changes to arrays that no script can observe, for the module `fn:web`. */
#ifndef FN_WEB_SAFE_ARRAY_H
#define FN_WEB_SAFE_ARRAY_H

#include "quickjs.h"

JSCFunction fn_safe_array_push, fn_safe_array_slice, fn_safe_array_remove;

#endif
