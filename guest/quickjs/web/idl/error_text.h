/* A thrown value as text for a log. */
#ifndef FN_WEB_ERROR_TEXT_H
#define FN_WEB_ERROR_TEXT_H

#include "quickjs.h"

/* UTF-8; the caller frees both with js_free. */
typedef struct {
    char *message; /* one line, at most 8 KiB; NULL when out of memory */
    char *stack;   /* the frames and the errors within it, at most 16 KiB; may be NULL */
} fn_error_text;

/* Describes any thrown value as console.error does. It runs no code of a script: it reads data
 * properties only. 0, or -1 when out of memory. */
int fn_web_error_text(JSContext *ctx, JSValueConst error, fn_error_text *out);

#endif
