/* The engine's class of an object, which no script can forge. */
#ifndef FN_WEB_CLASS_OF_H
#define FN_WEB_CLASS_OF_H

#include <stdbool.h>
#include "quickjs.h"

/* Objects of the engine that have no test of their own in its API. */
typedef enum {
    FN_CLASS_ARRAY_BUFFER,
    FN_CLASS_SHARED_BUFFER,
    FN_CLASS_BOOLEAN,
    FN_CLASS_NUMBER,
    FN_CLASS_STRING,
    FN_CLASS_SYMBOL,
    FN_CLASS_BIGINT,
    FN_CLASS_EXCEPTION, /* DOMException */
    FN_CLASS_COUNT
} fn_class;

int fn_class_of_init(JSContext *ctx);
bool fn_is_class(JSValueConst value, fn_class class);
/* "Map", "Error" and so on; "Object" for plain ones, "Other" for those of the Web APIs and what is
 * rare, "" for what is no object. */
const char *fn_class_of(JSContext *ctx, JSValueConst value);

#endif
