/* What every interface needs of WebIDL: its definition, its arguments, its iterables. */
#ifndef FN_WEB_IDL_H
#define FN_WEB_IDL_H

#include <stdbool.h>
#include "quickjs.h"

#define FN_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Members of an interface, as WebIDL wants them: enumerable, methods writable. */
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

/* The interface's constructor, which is still to be made a global. In a worker it may be made again
 * where it failed before. */
JSValue fn_idl_make(JSContext *ctx, const fn_interface *interface);
/* The same, and the global. */
int fn_idl_define(JSContext *ctx, const fn_interface *interface);
/* An object of new.target's prototype; the opaque is still to be set. */
JSValue fn_idl_create(JSContext *ctx, JSValueConst new_target, JSClassID id);
/* The only object of an interface without a constructor, as a global attribute. */
int fn_idl_singleton(JSContext *ctx, JSClassID id, const char *name);
/* 0, or -1 with a TypeError. */
int fn_idl_need(JSContext *ctx, const char *what, int argc, int need);
/* obj[from] under a second name: iterators. */
int fn_idl_alias(JSContext *ctx, JSValueConst obj, const char *from, JSAtom to);
/* [Replaceable]: an assignment makes an attribute of the global an ordinary property. */
int fn_idl_replace(JSContext *ctx, const char *name, JSValueConst value);

/* Calls `each` for every value of an iterable whose @@iterator is `method`. 0, or -1 with an
 * exception; when `each` fails, the iterator is closed. */
typedef int fn_each(JSContext *ctx, JSValueConst value, void *opaque);
int fn_idl_iterate(JSContext *ctx, JSValueConst iterable, JSValueConst method, fn_each *each,
                   void *opaque);
/* `record<T, T>`, or that or `sequence<sequence<T>>`, T a ByteString or USVString: calls `add` for
 * each. `replace`: a key of a record that came before under another spelling is overwritten. */
typedef int fn_add_pair(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                        bool replace);
int fn_idl_record(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                  fn_add_pair *add, void *opaque);
int fn_idl_pairs(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                 fn_add_pair *add, void *opaque);

#endif
