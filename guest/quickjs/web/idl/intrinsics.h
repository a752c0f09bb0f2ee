/* Objects of the engine that C uses, taken before any script could replace them. */
#ifndef FN_WEB_INTRINSICS_H
#define FN_WEB_INTRINSICS_H

#include "quickjs.h"

/* A process has one run context. The values are borrowed: an object of the context owns them. */
typedef struct {
    JSValue iterator_proto;   /* %IteratorPrototype% */
    JSValue view_get[3];      /* DataView.prototype's getters: buffer, byteOffset, byteLength */
    JSValue array_length;     /* %TypedArray%.prototype's getter byteLength */
    JSValue exception_get[2]; /* DOMException.prototype's getters: name, message */
    JSValue error_stack;      /* Error.prototype's getter */
    JSAtom symbol_iterator;
    JSAtom prototype;
} fn_intrinsics_table;

extern fn_intrinsics_table fn_intrinsics;

int fn_intrinsics_init(JSContext *ctx);

#endif
