/* Values that are created on first use, in the worker that uses them: a function pays nothing for
 * an API that it does not touch. Scripts cannot tell the difference: `'X' in globalThis` holds
 * before, and the property has an ordinary descriptor.
 *
 * To add a global that is written in JS, export it from a module of guest/quickjs/web that no eager
 * module (web.js and its imports) imports, define its interface with `{ global: false }`, and add a
 * line to the table `globals` of web.c:
 *
 *     defineInterface(FormData, { global: false })             // fetch/formdata.js
 *     FN_LAZY_INTERFACE("FormData", "fetch/formdata.js"),      // web.c
 *
 * For a global that is written in C, use FN_LAZY_C("URLPattern", fn_url_pattern_make, flags) with a
 * function that returns the value (fn_idl_make for an interface). For members of other objects,
 * pass a table of them to fn_lazy_define in the zygote. Eager code reads the exports of a lazy
 * module with fn_lazy_export in C, and in JS with
 *
 *     import { lazy } from 'fn:web'
 *     lazy('console/console-table.js').formatTable(data)
 *
 * Eager code that must only recognise the objects of a lazy interface uses a function of
 * lazy-hooks.js, which the module registers when it is loaded: until then no such object exists.
 *
 * Rules for lazy modules: They run in the middle of the bundle's code, which may have changed every
 * prototype and every global. So even while they load they use only primordials.js and what they
 * import, never a global or a method of a built-in. They may import eager modules and each other.
 * The load can fail at any point (out of memory, out of stack, out of time): the script gets the
 * exception, every unfinished module is dropped, and the next use loads it again. So a module
 * changes outside state only in its last statements, and doing so twice must be harmless. */
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
