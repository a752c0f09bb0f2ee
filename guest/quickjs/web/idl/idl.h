/* WebIDL for C: interfaces, arguments, iterables. */
#ifndef FN_WEB_IDL_H
#define FN_WEB_IDL_H

#include <stdbool.h>
#include "quickjs.h"

#define FN_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Members of an interface are enumerable and methods are writable, as WebIDL requires. */
#define FN_METHOD(name, length, func) JS_CFUNC_DEF2(name, length, func, JS_PROP_C_W_E)
#define FN_METHOD_MAGIC(name_, length_, function, magic_)                                          \
    {                                                                                              \
        .name = name_, .prop_flags = JS_PROP_C_W_E, .def_type = JS_DEF_CFUNC, .magic = magic_,     \
        .u = {.func = {length_, JS_CFUNC_generic_magic, {.generic_magic = function}}}              \
    }
#define FN_GETTER(name, getter)                                                                    \
    JS_CGETSET_DEF2(name, getter, NULL, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_ATTRIBUTE(name, getter, setter)                                                         \
    JS_CGETSET_DEF2(name, getter, setter, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_GETTER_MAGIC(name, getter, magic)                                                       \
    JS_CGETSET_MAGIC_DEF2(name, getter, NULL, magic, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_ATTRIBUTE_MAGIC(name, getter, setter, magic)                                            \
    JS_CGETSET_MAGIC_DEF2(name, getter, setter, magic, JS_PROP_CONFIGURABLE | JS_PROP_ENUMERABLE)
#define FN_TAG(name) JS_PROP_STRING_DEF("[Symbol.toStringTag]", name, JS_PROP_CONFIGURABLE)

typedef struct {
    JSClassID *id;
    JSClassDef class_def;
    JSCFunction *constructor;
    int length;
    const JSCFunctionListEntry *members;
    int member_count;
    const JSCFunctionListEntry *statics;
    int static_count;
} fn_interface;

/* Creates the interface's constructor but no global. A worker may call it again after a failure. */
JSValue fn_idl_make(JSContext *ctx, const fn_interface *interface);
/* Creates the constructor and the global. */
int fn_idl_define(JSContext *ctx, const fn_interface *interface);
/* An object with the prototype of new.target; the caller sets the opaque. */
JSValue fn_idl_create(JSContext *ctx, JSValueConst new_target, JSClassID id);
/* Creates the only object of an interface without a constructor, as a global attribute. */
int fn_idl_singleton(JSContext *ctx, JSClassID id, const char *name);
/* Checks the number of arguments. 0, or -1 with a TypeError. */
int fn_idl_need(JSContext *ctx, const char *what, int argc, int need);
/* Defines obj[from] under a second name; used for @@iterator. */
int fn_idl_alias(JSContext *ctx, JSValueConst obj, const char *from, JSAtom to);
/* [Replaceable]: an assignment turns an attribute of the global into an ordinary property. */
int fn_idl_replace(JSContext *ctx, const char *name, JSValueConst value);

/* Calls `each` for every value of an iterable whose @@iterator is `method`. 0, or -1 with an
 * exception; when `each` fails, the iterator is closed. */
typedef int fn_each(JSContext *ctx, JSValueConst value, void *opaque);
int fn_idl_iterate(JSContext *ctx, JSValueConst iterable, JSValueConst method, fn_each *each,
                   void *opaque);
/* Reads `record<T, T>`, or either that or `sequence<sequence<T>>`, where T is ByteString or
 * USVString, and calls `add` for each pair. `replace`: overwrite an earlier key of the record that
 * converts to the same string. */
typedef int fn_add_pair(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                        bool replace);
int fn_idl_record(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                  fn_add_pair *add, void *opaque);
int fn_idl_pairs(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                 fn_add_pair *add, void *opaque);

#endif
