"""Our changes to QuickJS-NG for properties whose value is made when it is first needed.

The engine has such properties for its own built-ins, with a fixed table of makers and a value of
undefined where the maker fails. Ours may run JS (it may add properties to the same object, even
this one), and where it fails the property stays as it was, so that the next look tries again.
"""

CHANGES = [
    (
        "lazy api",
        "quickjs.h",
        "JS_EXTERN int JS_DefinePropertyGetSet(JSContext *ctx, JSValueConst this_obj,\n",
        """/* A data property that `make` gives its value when it is first read or described. To scripts it is
   an ordinary one; assigned or deleted before, it is never made. Where `make` fails the exception is
   the reader's, and the property is still to be made. `lazy` lives as long as the runtime; it is
   meant to be the first member of a larger struct. -1 with an exception; the object must not have
   the property yet. */
typedef struct JSLazyProperty {
    JSValue (*make)(JSContext *ctx, const struct JSLazyProperty *lazy);
} JSLazyProperty;
JS_EXTERN int JS_DefineLazyProperty(JSContext *ctx, JSValueConst obj, JSAtom prop,
                                    const JSLazyProperty *lazy, int flags);
JS_EXTERN int JS_DefinePropertyGetSet(JSContext *ctx, JSValueConst this_obj,
""",
    ),
    (
        "lazy module api",
        "quickjs.h",
        "typedef struct JSModuleDef JSModuleDef;\n",
        """typedef struct JSModuleDef JSModuleDef;

/* A module of this context by its name, NULL when there is none (or out of memory, thrown). */
JS_EXTERN JSModuleDef *JS_FindModule(JSContext *ctx, const char *name);
/* The newest module, NULL when there is none. */
JS_EXTERN JSModuleDef *JS_LastModule(JSContext *ctx);
/* Gives up the modules that are newer than `last` and were not evaluated to their end, so that they
   can be loaded again. Nothing but each other may name them. */
JS_EXTERN void JS_DropUnfinishedModules(JSContext *ctx, const JSModuleDef *last);
""",
    ),
    (
        "lazy id",
        "quickjs.c",
        "    JS_AUTOINIT_ID_BYTECODE,\n} JSAutoInitIDEnum;\n",
        "    JS_AUTOINIT_ID_BYTECODE,\n    JS_AUTOINIT_ID_LAZY,\n} JSAutoInitIDEnum;\n",
    ),
    (
        "lazy realm bits",
        "quickjs.c",
        "    return (JSContext *)(pr->u.init.realm_and_id & ~3);\n",
        "    return (JSContext *)(pr->u.init.realm_and_id & ~7);\n",
    ),
    (
        "lazy id bits",
        "quickjs.c",
        "    return pr->u.init.realm_and_id & 3;\n",
        "    return pr->u.init.realm_and_id & 7;\n",
    ),
    (
        "lazy asserts",
        "quickjs.c",
        "    assert((pr->u.init.realm_and_id & 3) == 0);\n    assert(id <= 3);\n",
        "    assert((pr->u.init.realm_and_id & 7) == 0);\n    assert(id <= 7);\n",
    ),
    (
        "lazy define",
        "quickjs.c",
        """/* Like JS_DefinePropertyValue but borrows val (does not free it) */
static int JS_DefinePropertyValueConst(""",
        """int JS_DefineLazyProperty(JSContext *ctx, JSValueConst obj, JSAtom prop,
                          const JSLazyProperty *lazy, int flags)
{
    return JS_DefineAutoInitProperty(ctx, obj, prop, JS_AUTOINIT_ID_LAZY, (void *)lazy, flags);
}

/* Like JS_DefinePropertyValue but borrows val (does not free it) */
static int JS_DefinePropertyValueConst(""",
    ),
    (
        "lazy make",
        "quickjs.c",
        """/* warning: 'prs' is reallocated after it */
static int JS_AutoInitProperty(JSContext *ctx, JSObject *p, JSAtom prop,
                               JSProperty *pr, JSShapeProperty *prs)
{
    JSValue val;
    JSContext *realm;
    JSAutoInitFunc *func;

""",
        """/* A lazy property becomes an ordinary one; takes over `val`. */
static int js_lazy_settle(JSContext *ctx, JSObject *p, JSProperty *pr, JSShapeProperty *prs,
                          JSValue val)
{
    if (js_shape_prepare_update(ctx, p, &prs)) {
        JS_FreeValue(ctx, val);
        return -1;
    }
    js_autoinit_free(ctx->rt, pr);
    prs->flags &= ~JS_PROP_TMASK;
    pr->u.value = val;
    return 0;
}

static bool js_is_lazy(const JSShapeProperty *prs, JSProperty *pr)
{
    return (prs->flags & JS_PROP_TMASK) == JS_PROP_AUTOINIT &&
        js_autoinit_get_id(pr) == JS_AUTOINIT_ID_LAZY;
}

static int js_lazy_make(JSContext *ctx, JSObject *p, JSAtom prop, JSProperty *pr)
{
    const JSLazyProperty *lazy = pr->u.init.opaque;
    JSContext *realm = JS_DupContext(js_autoinit_get_realm(pr));
    JSValue obj = js_dup(JS_MKPTR(JS_TAG_OBJECT, p));
    JSShapeProperty *prs;
    JSValue val;
    int ret = -1;

    JS_DupAtom(ctx, prop);
    val = lazy->make(realm, lazy);
    if (!JS_IsException(val)) {
        /* the object may look different now */
        prs = find_own_property(&pr, p, prop);
        if (prs && js_is_lazy(prs, pr) && pr->u.init.opaque == lazy) {
            ret = js_lazy_settle(ctx, p, pr, prs, val);
        } else {
            JS_FreeValue(ctx, val);
            ret = 0;
        }
    }
    JS_FreeAtom(ctx, prop);
    JS_FreeValue(ctx, obj);
    JS_FreeContext(realm);
    return ret;
}

/* warning: 'prs' is reallocated after it */
static int JS_AutoInitProperty(JSContext *ctx, JSObject *p, JSAtom prop,
                               JSProperty *pr, JSShapeProperty *prs)
{
    JSValue val;
    JSContext *realm;
    JSAutoInitFunc *func;

    if (js_autoinit_get_id(pr) == JS_AUTOINIT_ID_LAZY)
        return js_lazy_make(ctx, p, prop, pr);
""",
    ),
    (
        "lazy assign",
        "quickjs.c",
        """            /* Instantiate property and retry (potentially useless) */
            if (JS_AutoInitProperty(ctx, p, prop, pr, prs))
                goto fail;
            goto retry;
""",
        """            if (js_is_lazy(prs, pr) && (prs->flags & JS_PROP_WRITABLE)) {
                if (js_lazy_settle(ctx, p, pr, prs, JS_UNDEFINED))
                    goto fail;
                goto retry;
            }
            /* Instantiate property and retry (potentially useless) */
            if (JS_AutoInitProperty(ctx, p, prop, pr, prs))
                goto fail;
            goto retry;
""",
    ),
    (
        "lazy assign to heir",
        "quickjs.c",
        """                if (JS_AutoInitProperty(ctx, p1, prop, pr, prs))
                    return -1;
                goto retry2;
""",
        """                if (JS_AutoInitProperty(ctx, p1, prop, pr, prs))
                    goto fail;
                goto retry2;
""",
    ),
    (
        "lazy modules",
        "quickjs.c",
        "int JS_ResolveModule(JSContext *ctx, JSValueConst obj)\n{\n",
        """JSModuleDef *JS_FindModule(JSContext *ctx, const char *name)
{
    JSAtom atom = JS_NewAtom(ctx, name);
    JSModuleDef *m = atom == JS_ATOM_NULL ? NULL : js_find_loaded_module_by_name(ctx, atom);
    JS_FreeAtom(ctx, atom);
    return m;
}

JSModuleDef *JS_LastModule(JSContext *ctx)
{
    if (list_empty(&ctx->loaded_modules))
        return NULL;
    return list_entry(ctx->loaded_modules.prev, JSModuleDef, link);
}

void JS_DropUnfinishedModules(JSContext *ctx, const JSModuleDef *last)
{
    struct list_head *el, *el1;

    for(el = ctx->loaded_modules.prev; el != &ctx->loaded_modules; el = el1) {
        JSModuleDef *m = list_entry(el, JSModuleDef, link);
        if (m == last)
            break;
        el1 = el->prev;
        if (m->status != JS_MODULE_STATUS_EVALUATED || m->eval_has_exception)
            js_free_module_def(ctx, m);
    }
}

int JS_ResolveModule(JSContext *ctx, JSValueConst obj)
{
""",
    ),
]
