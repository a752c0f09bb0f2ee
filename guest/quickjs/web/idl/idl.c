/* WebIDL for C: interfaces, arguments, iterables. */
#include "web/idl/idl.h"
#include "web/idl/intrinsics.h"
#include "web/idl/text.h"

JSValue fn_idl_make(JSContext *ctx, const fn_interface *interface) {
    JSRuntime *rt = JS_GetRuntime(ctx);
    JS_NewClassID(rt, interface->id);
    if (!JS_IsRegisteredClass(rt, *interface->id) &&
        JS_NewClass(rt, *interface->id, &interface->class_def) < 0) {
        return JS_EXCEPTION;
    }
    JSValue proto = JS_NewObject(ctx);
    JSValue constructor =
        JS_NewCFunction2(ctx, interface->constructor, interface->class_def.class_name,
                         interface->length, JS_CFUNC_constructor, 0);
    if (JS_IsException(proto) || JS_IsException(constructor) ||
        JS_SetPropertyFunctionList(ctx, proto, interface->members, interface->member_count) < 0 ||
        JS_SetPropertyFunctionList(ctx, constructor, interface->statics, interface->static_count) <
            0 ||
        JS_SetConstructor(ctx, constructor, proto) < 0) {
        JS_FreeValue(ctx, constructor);
        JS_FreeValue(ctx, proto);
        return JS_EXCEPTION;
    }
    JS_SetClassProto(ctx, *interface->id, proto);
    return constructor;
}

int fn_idl_define(JSContext *ctx, const fn_interface *interface) {
    JSValue constructor = fn_idl_make(ctx, interface);
    if (JS_IsException(constructor)) {
        return -1;
    }
    JSValue global = JS_GetGlobalObject(ctx);
    int err = JS_DefinePropertyValueStr(ctx, global, interface->class_def.class_name, constructor,
                                        JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_FreeValue(ctx, global);
    return err < 0 ? -1 : 0;
}

JSValue fn_idl_create(JSContext *ctx, JSValueConst new_target, JSClassID id) {
    JSValue proto = JS_GetProperty(ctx, new_target, fn_intrinsics.prototype);
    if (JS_IsException(proto)) {
        return proto;
    }
    if (!JS_IsObject(proto)) {
        JS_FreeValue(ctx, proto);
        return JS_NewObjectClass(ctx, id);
    }
    JSValue obj = JS_NewObjectProtoClass(ctx, proto, id);
    JS_FreeValue(ctx, proto);
    return obj;
}

int fn_idl_singleton(JSContext *ctx, JSClassID id, const char *name) {
    static int state; /* an opaque, so that `this` can be checked */
    JSValue value = JS_NewObjectClass(ctx, id);
    if (JS_IsException(value)) {
        return -1;
    }
    JS_SetOpaque(value, &state);
    JSValue global = JS_GetGlobalObject(ctx);
    int err = JS_DefinePropertyValueStr(ctx, global, name, value, JS_PROP_C_W_E);
    JS_FreeValue(ctx, global);
    return err < 0 ? -1 : 0;
}

int fn_idl_need(JSContext *ctx, const char *what, int argc, int need) {
    if (argc >= need) {
        return 0;
    }
    JS_ThrowTypeError(ctx, "%s: %d argument%s required, but only %d present", what, need,
                      need == 1 ? "" : "s", argc);
    return -1;
}

int fn_idl_alias(JSContext *ctx, JSValueConst obj, const char *from, JSAtom to) {
    JSValue value = JS_GetPropertyStr(ctx, obj, from);
    if (JS_IsException(value)) {
        return -1;
    }
    return JS_DefinePropertyValue(ctx, obj, to, value, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE) < 0
               ? -1
               : 0;
}

int fn_idl_replace(JSContext *ctx, const char *name, JSValueConst value) {
    JSValue global = JS_GetGlobalObject(ctx);
    int err = JS_DefinePropertyValueStr(ctx, global, name, JS_DupValue(ctx, value), JS_PROP_C_W_E);
    JS_FreeValue(ctx, global);
    return err < 0 ? -1 : 0;
}

/* Closes an iterator whose loop ended with an exception, and keeps that exception. */
static void close_iterator(JSContext *ctx, JSValueConst iterator) {
    JSValue error = JS_GetException(ctx);
    if (!JS_IsUncatchableError(error)) {
        JSValue method = JS_GetPropertyStr(ctx, iterator, "return");
        JSValue result = JS_IsFunction(ctx, method) ? JS_Call(ctx, method, iterator, 0, NULL)
                                                    : JS_DupValue(ctx, method);
        if (JS_IsException(result)) {
            JS_FreeValue(ctx, JS_GetException(ctx));
        }
        JS_FreeValue(ctx, result);
        JS_FreeValue(ctx, method);
    }
    JS_Throw(ctx, error);
}

/* One step of an iterator: 1 with `value`, 0 at its end, -1 with an exception. */
static int step(JSContext *ctx, JSValueConst iterator, JSValueConst next, JSValue *value) {
    JSValue result = JS_Call(ctx, next, iterator, 0, NULL);
    if (JS_IsException(result)) {
        return -1;
    }
    if (!JS_IsObject(result)) {
        JS_FreeValue(ctx, result);
        JS_ThrowTypeError(ctx, "the iterator result is not an object");
        return -1;
    }
    JSValue done = JS_GetPropertyStr(ctx, result, "done");
    int ended = JS_IsException(done) ? -1 : JS_ToBool(ctx, done);
    JS_FreeValue(ctx, done);
    if (ended == 0) {
        *value = JS_GetPropertyStr(ctx, result, "value");
        ended = JS_IsException(*value) ? -1 : 0;
    }
    JS_FreeValue(ctx, result);
    return ended < 0 ? -1 : !ended;
}

int fn_idl_iterate(JSContext *ctx, JSValueConst iterable, JSValueConst method, fn_each *each,
                   void *opaque) {
    JSValue iterator = JS_Call(ctx, method, iterable, 0, NULL);
    if (JS_IsException(iterator)) {
        return -1;
    }
    if (!JS_IsObject(iterator)) {
        JS_FreeValue(ctx, iterator);
        JS_ThrowTypeError(ctx, "the iterator is not an object");
        return -1;
    }
    JSValue next = JS_GetPropertyStr(ctx, iterator, "next");
    int more = JS_IsException(next) ? -1 : 1;
    while (more > 0) {
        JSValue value;
        more = step(ctx, iterator, next, &value);
        if (more > 0) {
            if (each(ctx, value, opaque) < 0) {
                close_iterator(ctx, iterator);
                more = -1;
            }
            JS_FreeValue(ctx, value);
        }
    }
    JS_FreeValue(ctx, next);
    JS_FreeValue(ctx, iterator);
    return more;
}

typedef struct {
    const char *what;
    bool byte_strings;
    fn_add_pair *add;
    void *opaque;
} pair_reader;

typedef struct {
    JSValue values[2];
    int count;
} pair;

static int collect(JSContext *ctx, JSValueConst value, void *opaque) {
    pair *p = opaque;
    if (p->count < 2) {
        p->values[p->count] = JS_DupValue(ctx, value);
    }
    p->count++;
    return 0;
}

static int read_pair(JSContext *ctx, JSValueConst value, void *opaque) {
    const pair_reader *reader = opaque;
    if (!JS_IsObject(value)) {
        JS_ThrowTypeError(ctx, "%s: each pair must be a sequence", reader->what);
        return -1;
    }
    JSValue method = JS_GetProperty(ctx, value, fn_intrinsics.symbol_iterator);
    if (JS_IsException(method)) {
        return -1;
    }
    pair p = {{JS_UNDEFINED, JS_UNDEFINED}, 0};
    int err = -1;
    if (!JS_IsFunction(ctx, method)) {
        JS_ThrowTypeError(ctx, "%s: each pair must be a sequence", reader->what);
    } else if (fn_idl_iterate(ctx, value, method, collect, &p) == 0) {
        if (p.count != 2) {
            JS_ThrowTypeError(ctx, "%s: each pair must have two items, not %d", reader->what,
                              p.count);
        } else {
            err = reader->add(ctx, reader->opaque, p.values[0], p.values[1], false);
        }
    }
    JS_FreeValue(ctx, method);
    JS_FreeValue(ctx, p.values[0]);
    JS_FreeValue(ctx, p.values[1]);
    return err;
}

/* WebIDL converts a record's key before it reads the value. */
static int check_key(JSContext *ctx, JSValueConst name, const pair_reader *reader) {
    fn_text text;
    if (JS_IsException(name) || (reader->byte_strings ? fn_text_bytes(ctx, &text, name)
                                                      : fn_text_usv(ctx, &text, name)) < 0) {
        return -1;
    }
    fn_text_free(ctx, &text);
    return 0;
}

static int read_property(JSContext *ctx, JSValueConst init, JSAtom key, const pair_reader *reader) {
    JSPropertyDescriptor property;
    int found = JS_GetOwnProperty(ctx, &property, init, key);
    if (found <= 0) {
        return found;
    }
    bool enumerable = (property.flags & JS_PROP_ENUMERABLE) != 0;
    JS_FreeValue(ctx, property.value);
    JS_FreeValue(ctx, property.getter);
    JS_FreeValue(ctx, property.setter);
    if (!enumerable) {
        return 0;
    }
    JSValue name = JS_AtomToValue(ctx, key);
    JSValue value =
        check_key(ctx, name, reader) < 0 ? JS_EXCEPTION : JS_GetProperty(ctx, init, key);
    int err = JS_IsException(value) ? -1 : reader->add(ctx, reader->opaque, name, value, true);
    JS_FreeValue(ctx, name);
    JS_FreeValue(ctx, value);
    return err;
}

static int read_record(JSContext *ctx, JSValueConst init, const pair_reader *reader) {
    JSPropertyEnum *keys;
    uint32_t count;
    if (JS_GetOwnPropertyNames(ctx, &keys, &count, init, JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK) <
        0) {
        return -1;
    }
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = read_property(ctx, init, keys[i].atom, reader);
    }
    JS_FreePropertyEnum(ctx, keys, count);
    return err;
}

int fn_idl_record(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                  fn_add_pair *add, void *opaque) {
    pair_reader reader = {what, byte_strings, add, opaque};
    if (!JS_IsObject(init)) {
        JS_ThrowTypeError(ctx, "%s are not an object", what);
        return -1;
    }
    return read_record(ctx, init, &reader);
}

int fn_idl_pairs(JSContext *ctx, JSValueConst init, const char *what, bool byte_strings,
                 fn_add_pair *add, void *opaque) {
    pair_reader reader = {what, byte_strings, add, opaque};
    JSValue method = JS_GetProperty(ctx, init, fn_intrinsics.symbol_iterator);
    if (JS_IsException(method)) {
        return -1;
    }
    int err = -1;
    if (JS_IsUndefined(method) || JS_IsNull(method)) {
        err = read_record(ctx, init, &reader);
    } else if (!JS_IsFunction(ctx, method)) {
        JS_ThrowTypeError(ctx, "%s: @@iterator is not a function", what);
    } else {
        err = fn_idl_iterate(ctx, init, method, read_pair, &reader);
    }
    JS_FreeValue(ctx, method);
    return err;
}
