/* Getters of the engine that C calls, taken before any script could replace them. */
#include "web/internal.h"

/* `*getter` stays the property's, which `kept` holds on to under a name of its own. */
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

int fn_getters_init(JSContext *ctx, JSValueConst kept) {
    static const struct {
        const char *interface, *name, *key;
        JSValue *getter;
        bool inherited; /* from the prototype's prototype */
    } wanted[] = {
        {"DataView", "buffer", "DataView.buffer", &fn_web.view_get[0], false},
        {"DataView", "byteOffset", "DataView.byteOffset", &fn_web.view_get[1], false},
        {"DataView", "byteLength", "DataView.byteLength", &fn_web.view_get[2], false},
        {"DOMException", "name", "DOMException.name", &fn_web.exception_get[0], false},
        {"DOMException", "message", "DOMException.message", &fn_web.exception_get[1], false},
        {"Error", "stack", "Error.stack", &fn_web.error_stack, false},
        {"Uint8Array", "byteLength", "TypedArray.byteLength", &fn_web.array_length, true},
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
