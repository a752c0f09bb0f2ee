/* The engine's class of an object, which no script can forge. */
#ifndef FN_WEB_CLASS_OF_H
#define FN_WEB_CLASS_OF_H

#include <stdbool.h>
#include "quickjs.h"

/* Objects of the engine that have no test of their own in its API. */
typedef enum {
    FN_KIND_ARRAY_BUFFER,
    FN_KIND_SHARED_BUFFER,
    FN_KIND_BOOLEAN,
    FN_KIND_NUMBER,
    FN_KIND_STRING,
    FN_KIND_SYMBOL,
    FN_KIND_BIGINT,
    FN_KIND_EXCEPTION, /* DOMException */
    FN_KIND_COUNT
} fn_kind;

int fn_kinds_init(JSContext *ctx);
bool fn_is_kind(JSValueConst value, fn_kind kind);
/* "Map", "Error" and so on; "Object" for plain ones, "Other" for those of the Web APIs and what is
 * rare, "" for what is no object. */
const char *fn_kind_of(JSContext *ctx, JSValueConst value);

#endif
