/* `iterable<K, V>` of Headers and URLSearchParams. */
#ifndef FN_WEB_PAIR_ITERATOR_H
#define FN_WEB_PAIR_ITERATOR_H

#include <stdint.h>
#include "quickjs.h"

typedef enum { FN_PAIRS_HEADERS, FN_PAIRS_PARAMS } fn_pair_interface;
typedef enum { FN_PAIR_ENTRIES, FN_PAIR_KEYS, FN_PAIR_VALUES } fn_pair_kind;
/* Reads the current pair at `index`: 1, 0 at the end, -1 with an exception. */
typedef int fn_pair_at(JSContext *ctx, JSValueConst target, uint32_t index, JSValue pair[2]);
int fn_pair_iterator_init(JSContext *ctx, fn_pair_interface which, fn_pair_at *pair_at);
JSValue fn_pair_iterator_new(JSContext *ctx, JSValueConst target, fn_pair_interface which,
                             fn_pair_kind kind);
JSValue fn_pair_for_each(JSContext *ctx, JSValueConst target, fn_pair_interface which, int argc,
                         JSValueConst *argv);

#endif
