/* Objects of the engine that C uses, taken before any script could replace them. */
#include "web/idl/intrinsics.h"
#include "web/idl/idl.h"

fn_intrinsics_table fn_intrinsics;

/* `*getter` is borrowed; `kept` owns it under the name `key`. */
static int take(JSContext *ctx, JSValueConst proto, const char *name, JSValueConst kept,
                const char *key, JSValue *getter) {
    JSPropertyDescriptor property;
    JSAtom atom = JS_NewAtom(ctx, name);
    int found = atom == JS_ATOM_NULL ? -1 : JS_GetOwnProperty(ctx, &property, proto, atom);
    JS_FreeAtom(ctx, atom);
    if (found <= 0) {
        return -1;
    }
    JS_FreeValue(ctx, property.value);
    JS_FreeValue(ctx, property.setter);
    *getter = property.getter;
    return JS_SetPropertyStr(ctx, kept, key, property.getter) < 0 ? -1 : 0;
}

static int take_getters(JSContext *ctx, JSValueConst kept) {
    static const struct {
        const char *interface, *name, *key;
        JSValue *getter;
        bool inherited; /* from the prototype's prototype */
    } wanted[] = {
        {"DataView", "buffer", "DataView.buffer", &fn_intrinsics.view_get[0], false},
        {"DataView", "byteOffset", "DataView.byteOffset", &fn_intrinsics.view_get[1], false},
        {"DataView", "byteLength", "DataView.byteLength", &fn_intrinsics.view_get[2], false},
        {"DOMException", "name", "DOMException.name", &fn_intrinsics.exception_get[0], false},
        {"DOMException", "message", "DOMException.message", &fn_intrinsics.exception_get[1], false},
        {"Error", "stack", "Error.stack", &fn_intrinsics.error_stack, false},
        {"Uint8Array", "byteLength", "TypedArray.byteLength", &fn_intrinsics.array_length, true},
    };
    JSValue global = JS_GetGlobalObject(ctx);
    int err = 0;
    for (int i = 0; i < FN_COUNT(wanted) && err == 0; i++) {
        JSValue constructor = JS_GetPropertyStr(ctx, global, wanted[i].interface);
        JSValue proto = JS_GetPropertyStr(ctx, constructor, "prototype");
        if (wanted[i].inherited) {
            JSValue inherited = JS_GetPrototype(ctx, proto);
            JS_FreeValue(ctx, proto);
            proto = inherited;
        }
        err = JS_IsObject(proto)
                  ? take(ctx, proto, wanted[i].name, kept, wanted[i].key, wanted[i].getter)
                  : -1;
        JS_FreeValue(ctx, proto);
        JS_FreeValue(ctx, constructor);
    }
    JS_FreeValue(ctx, global);
    return err;
}

/* %IteratorPrototype%, found through an array's iterator. */
static int find_iterator_proto(JSContext *ctx) {
    JSValue array = JS_NewArray(ctx);
    JSValue method = JS_GetProperty(ctx, array, fn_intrinsics.symbol_iterator);
    JSValue iterator = JS_Call(ctx, method, array, 0, NULL);
    JSValue proto = JS_GetPrototype(ctx, iterator);
    fn_intrinsics.iterator_proto = JS_GetPrototype(ctx, proto);
    JS_FreeValue(ctx, proto);
    JS_FreeValue(ctx, iterator);
    JS_FreeValue(ctx, method);
    JS_FreeValue(ctx, array);
    return JS_IsObject(fn_intrinsics.iterator_proto) ? 0 : -1;
}

static int find_symbol_iterator(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue symbols = JS_GetPropertyStr(ctx, global, "Symbol");
    JSValue symbol = JS_GetPropertyStr(ctx, symbols, "iterator");
    fn_intrinsics.symbol_iterator = JS_ValueToAtom(ctx, symbol);
    JS_FreeValue(ctx, symbol);
    JS_FreeValue(ctx, symbols);
    JS_FreeValue(ctx, global);
    return fn_intrinsics.symbol_iterator == JS_ATOM_NULL ? -1 : 0;
}

/* An object that owns what C uses. The prototype slot of its class keeps it alive as long as the
 * context.
 */
static JSValue new_keeper(JSContext *ctx) {
    static const JSClassDef definition = {"Keep", .finalizer = NULL};
    static JSClassID id;
    JS_NewClassID(JS_GetRuntime(ctx), &id);
    if (JS_NewClass(JS_GetRuntime(ctx), id, &definition) < 0) {
        return JS_EXCEPTION;
    }
    JSValue kept = JS_NewObjectProto(ctx, JS_NULL);
    if (!JS_IsException(kept)) {
        JS_SetClassProto(ctx, id, kept);
    }
    return kept;
}

int fn_intrinsics_init(JSContext *ctx) {
    JSValue kept = new_keeper(ctx);
    fn_intrinsics.prototype = JS_NewAtom(ctx, "prototype");
    if (JS_IsException(kept) || fn_intrinsics.prototype == JS_ATOM_NULL ||
        find_symbol_iterator(ctx) < 0 || find_iterator_proto(ctx) < 0 ||
        JS_SetPropertyStr(ctx, kept, "iterator", fn_intrinsics.iterator_proto) < 0 ||
        take_getters(ctx, kept) < 0) {
        return -1;
    }
    /* The context's own objects hold these atoms for its whole life. */
    JS_FreeAtom(ctx, fn_intrinsics.prototype);
    JS_FreeAtom(ctx, fn_intrinsics.symbol_iterator);
    return 0;
}
