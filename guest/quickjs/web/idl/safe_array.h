/* Changes to arrays that no script can observe, for the module `fn:web`. */
#ifndef FN_WEB_SAFE_ARRAY_H
#define FN_WEB_SAFE_ARRAY_H

#include "quickjs.h"

JSCFunction fn_list_push, fn_list_slice, fn_list_remove;

#endif
