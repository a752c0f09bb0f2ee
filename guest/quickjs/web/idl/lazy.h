/* Properties whose value is made when it is first read; lazy.c says how to add one. */
#ifndef FN_WEB_LAZY_H
#define FN_WEB_LAZY_H

#include <stddef.h>
#include "quickjs.h"

typedef struct {
    JSLazyProperty lazy;
    const char *name;                /* of the property */
    const char *file;                /* the JS module that creates it, and its export; */
    const char *export_name;         /* NULL: the same as `name` */
    JSValue (*make)(JSContext *ctx); /* or the C function that creates it */
    int flags;
} fn_lazy;

JSValue fn_lazy_make(JSContext *ctx, const JSLazyProperty *lazy);

#define FN_LAZY_JS(name_, file_, export_, flags_)                                                  \
    {.lazy = {fn_lazy_make}, .name = name_, .file = file_, .export_name = export_, .flags = flags_}
#define FN_LAZY_C(name_, make_, flags_)                                                            \
    {.lazy = {fn_lazy_make}, .name = name_, .make = make_, .flags = flags_}
#define FN_LAZY_INTERFACE(name_, file_)                                                            \
    FN_LAZY_JS(name_, file_, NULL, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE)

/* Defines properties that the object does not have yet. The table must be static. */
int fn_lazy_define(JSContext *ctx, JSValueConst obj, const fn_lazy *table, int count);
/* An export of a lazy module, which is loaded if necessary. */
JSValue fn_lazy_export(JSContext *ctx, const char *file, const char *name);

#endif
