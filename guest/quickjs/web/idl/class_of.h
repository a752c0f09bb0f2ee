/* The engine's class of an object, which no script can forge. */
#ifndef FN_WEB_CLASS_OF_H
#define FN_WEB_CLASS_OF_H

#include <stdbool.h>
#include "quickjs.h"

/* Classes for which the engine's API has no test. */
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
/* "Map", "Error" and so on; "Object" for plain objects, "Other" for objects of the Web APIs and
 * rare classes, "" for a value that is not an object. */
const char *fn_class_of(JSContext *ctx, JSValueConst value);

#endif
