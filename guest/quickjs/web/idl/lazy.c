/* What is made when it is first named, in the worker that names it: a function that does not touch
 * it pays nothing for it. Scripts cannot tell: `'X' in globalThis` holds before, and the property's
 * descriptor is an ordinary one.
 *
 * A global that is written in JS: export it from a module of guest/quickjs/web that no eager module
 * (web.js and what that imports) imports, define its interface with `{ global: false }`, and add a
 * line to the table `globals` of web.c:
 *
 *     defineInterface(URLPattern, { global: false })          // url-pattern.js
 *     FN_LAZY_INTERFACE("URLPattern", "url-pattern.js"),      // web.c
 *
 * One that is written in C: FN_LAZY_C("SubtleCrypto", fn_subtle_make, flags), whose function gives
 * the value (fn_idl_make for an interface). Members of other objects: a table of your own, given to
 * fn_lazy_define in the template. Eager code reaches what a lazy module exports by fn_lazy_export
 * in C, and in JS by
 *
 *     import { lazy } from 'fn:web'
 *     lazy('console-table.js').formatTable(data)
 *
 * and where it only has to know a lazy interface's objects, by a slot in late.js that the module
 * fills: as long as that is empty, there is no such object.
 *
 * Rules for lazy modules. They run in the middle of a tenant's turn, after its code may have
 * changed every prototype and every global: so at load time too they use only primordials.js and
 * what they import, never a global or a method of a built-in. They may import eager modules and
 * each other. The load can fail at any point (out of memory, out of stack, out of time): the tenant
 * gets the exception, all modules that were not done are forgotten, and the next use starts them
 * again. What a module changes outside of itself, it does in its last statements, and twice does no
 * harm. */
#include "web/idl/lazy.h"
#include "web/idl/builtin_loader.h"

JSValue fn_lazy_export(JSContext *ctx, const char *file, const char *name) {
    JSModuleDef *module = fn_builtin_load(ctx, file);
    JSValue exports = module == NULL ? JS_EXCEPTION : JS_GetModuleNamespace(ctx, module);
    if (JS_IsException(exports)) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_GetPropertyStr(ctx, exports, name);
    JS_FreeValue(ctx, exports);
    return value;
}

JSValue fn_lazy_make(JSContext *ctx, const JSLazyProperty *lazy) {
    const fn_lazy *entry = (const fn_lazy *)lazy; /* its first member */
    if (entry->make != NULL) {
        return entry->make(ctx);
    }
    return fn_lazy_export(ctx, entry->file,
                          entry->export_name != NULL ? entry->export_name : entry->name);
}

int fn_lazy_define(JSContext *ctx, JSValueConst obj, const fn_lazy *table, int count) {
    for (int i = 0; i < count; i++) {
        JSAtom name = JS_NewAtom(ctx, table[i].name);
        int err = name == JS_ATOM_NULL
                      ? -1
                      : JS_DefineLazyProperty(ctx, obj, name, &table[i].lazy, table[i].flags);
        JS_FreeAtom(ctx, name);
        if (err < 0) {
            return -1;
        }
    }
    return 0;
}
