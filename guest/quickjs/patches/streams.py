"""Our changes to QuickJS-NG for the streams.

  slots     names that begin with `_` in the bytecode of a built-in are private symbols: the state of
            a stream lies in properties of it that no script can see, name or make
  promises  reactions without a promise of their own, and promises that are settled from the start
"""

CHANGES = [
    (
        "slots api",
        "quickjs.h",
        "#define JS_READ_OBJ_REFERENCE",
        """/* Names of three characters or more that begin with `_` are slots. For modules of ours alone. */
#define JS_READ_OBJ_SLOTS     (1 << 8)
/* The slot of a name; the caller owns it. */
JS_EXTERN JSAtom JS_NewSlot(JSContext *ctx, const char *name);
/* Has the object this own property? Asks no proxy. */
JS_EXTERN bool JS_HasSlot(JSValueConst obj, JSAtom slot);
/* An own data property, JS_UNDEFINED without it. Runs nothing. */
JS_EXTERN JSValue JS_GetSlot(JSContext *ctx, JSValueConst obj, JSAtom slot);
/* Attaches reactions that settle nothing: what they return or throw is dropped. */
JS_EXTERN int JS_PromiseUpon(JSContext *ctx, JSValueConst promise, JSValueConst on_fulfilled,
                             JSValueConst on_rejected);
/* As JS_NewPromiseCapability; resolved with a promise of the engine's it follows that one without
   asking it for its `then`, so that no script that replaced it comes in between. */
JS_EXTERN JSValue JS_NewFollowingPromise(JSContext *ctx, JSValue *resolving_funcs);
#define JS_READ_OBJ_REFERENCE""",
    ),
    (
        "slots fields",
        "quickjs.c",
        "    JSValue async_context;\n    JSJobFilter *job_filter;\n",
        "    struct { JSAtom name, slot; } *slots;\n    int slot_count;\n"
        "    JSValue async_context;\n    JSJobFilter *job_filter;\n",
    ),
    (
        "slots free",
        "quickjs.c",
        "    rt->in_free = true;\n    JS_FreeValueRT(rt, rt->current_exception);\n",
        """    rt->in_free = true;
    for (int slot = 0; slot < rt->slot_count; slot++) {
        JS_FreeAtomRT(rt, rt->slots[slot].name);
        JS_FreeAtomRT(rt, rt->slots[slot].slot);
    }
    js_free_rt(rt, rt->slots);
    JS_FreeValueRT(rt, rt->current_exception);
""",
    ),
    (
        "slots find",
        "quickjs.c",
        "static int JS_ReadObjectAtoms(BCReaderState *s)\n{\n",
        """/* Takes over `name`. */
static JSAtom js_slot_of(JSContext *ctx, JSAtom name)
{
    JSRuntime *rt = ctx->rt;
    for (int i = 0; i < rt->slot_count; i++) {
        if (rt->slots[i].name == name) {
            JS_FreeAtom(ctx, name);
            return JS_DupAtom(ctx, rt->slots[i].slot);
        }
    }
    void *slots = js_realloc(ctx, rt->slots, (rt->slot_count + 1) * sizeof(rt->slots[0]));
    if (!slots)
        goto fail;
    rt->slots = slots;
    JSValue symbol = JS_NewSymbolFromAtom(ctx, name, JS_ATOM_TYPE_PRIVATE);
    if (JS_IsException(symbol))
        goto fail;
    JSAtom slot = JS_ValueToAtom(ctx, symbol);
    JS_FreeValue(ctx, symbol);
    if (slot == JS_ATOM_NULL)
        goto fail;
    rt->slots[rt->slot_count].name = name;
    rt->slots[rt->slot_count].slot = slot;
    rt->slot_count++;
    return JS_DupAtom(ctx, slot);
fail:
    JS_FreeAtom(ctx, name);
    return JS_ATOM_NULL;
}

static bool js_is_slot_name(const JSString *p)
{
    return !p->is_wide_char && p->len >= 3 && str8(p)[0] == '_';
}

JSAtom JS_NewSlot(JSContext *ctx, const char *name)
{
    JSAtom atom = JS_NewAtom(ctx, name);
    return atom == JS_ATOM_NULL ? atom : js_slot_of(ctx, atom);
}

bool JS_HasSlot(JSValueConst obj, JSAtom slot)
{
    JSProperty *pr;
    return JS_VALUE_GET_TAG(obj) == JS_TAG_OBJECT &&
        find_own_property(&pr, JS_VALUE_GET_OBJ(obj), slot) != NULL;
}

JSValue JS_GetSlot(JSContext *ctx, JSValueConst obj, JSAtom slot)
{
    JSProperty *pr;
    JSShapeProperty *prs;
    if (JS_VALUE_GET_TAG(obj) != JS_TAG_OBJECT)
        return JS_UNDEFINED;
    prs = find_own_property(&pr, JS_VALUE_GET_OBJ(obj), slot);
    if (!prs || (prs->flags & JS_PROP_TMASK) != JS_PROP_NORMAL)
        return JS_UNDEFINED;
    return js_dup(pr->u.value);
}

static int JS_ReadObjectAtoms(BCReaderState *s)
{
""",
    ),
    (
        "slots read",
        "quickjs.c",
        "            atom = __JS_NewAtom(s->ctx->rt, p, type);\n",
        """            bool is_slot = s->slots && type == JS_ATOM_TYPE_STRING && js_is_slot_name(p);
            atom = __JS_NewAtom(s->ctx->rt, p, type);
            if (is_slot && atom != JS_ATOM_NULL)
                atom = js_slot_of(s->ctx, atom);
""",
    ),
    (
        "upon",
        "quickjs.c",
        "static JSValue js_promise_resolve(JSContext *ctx, JSValueConst this_val,\n"
        "                                  int argc, JSValueConst *argv, int magic)\n{\n",
        """int JS_PromiseUpon(JSContext *ctx, JSValueConst promise, JSValueConst on_fulfilled,
                   JSValueConst on_rejected)
{
    JSValueConst handlers[2] = { on_fulfilled, on_rejected };
    JSValueConst none[2] = { JS_UNDEFINED, JS_UNDEFINED };

    if (!JS_GetOpaque2(ctx, promise, JS_CLASS_PROMISE))
        return -1;
    return perform_promise_then(ctx, promise, handlers, none);
}

static JSValue js_promise_resolve(JSContext *ctx, JSValueConst this_val,
                                  int argc, JSValueConst *argv, int magic)
{
""",
    ),
    (
        "slots reader",
        "quickjs.c",
        "    int error_state;\n    bool allow_sab;\n",
        "    int error_state;\n    bool slots;\n    bool allow_sab;\n",
    ),
    (
        "slots flag",
        "quickjs.c",
        "    s->allow_sab = ((flags & JS_READ_OBJ_SAB) != 0);\n",
        "    s->allow_sab = ((flags & JS_READ_OBJ_SAB) != 0);\n"
        "    s->slots = ((flags & JS_READ_OBJ_SLOTS) != 0);\n",
    ),
    (
        "settled promise",
        "quickjs.c",
        """JSValue JS_NewSettledPromise(JSContext *ctx, bool is_reject, JSValueConst value)
{
    return js_promise_resolve(ctx, ctx->promise_ctor, 1, &value, is_reject);
}

""",
        "",
    ),
    (
        "settled promise from the start",
        "quickjs.c",
        """static JSValue js_promise_resolve_thenable_job(JSContext *ctx,
                                               int argc, JSValueConst *argv)
{
""",
        """/* What cannot have a `then`, or is a reason, needs no resolving functions. */
JSValue JS_NewSettledPromise(JSContext *ctx, bool is_reject, JSValueConst value)
{
    JSPromiseData *s;
    JSValue obj;

    if (!is_reject && JS_IsObject(value))
        return js_promise_resolve(ctx, ctx->promise_ctor, 1, &value, 0);
    obj = JS_NewObjectClass(ctx, JS_CLASS_PROMISE);
    if (JS_IsException(obj))
        return obj;
    s = js_mallocz(ctx, sizeof(*s));
    if (!s) {
        JS_FreeValue(ctx, obj);
        return JS_EXCEPTION;
    }
    s->promise_state = JS_PROMISE_PENDING;
    s->promise_result = JS_UNDEFINED;
    init_list_head(&s->promise_reactions[0]);
    init_list_head(&s->promise_reactions[1]);
    JS_SetOpaqueInternal(obj, s);
    fulfill_or_reject_promise(ctx, obj, value, is_reject);
    return obj;
}

static JSValue js_promise_resolve_thenable_job(JSContext *ctx,
                                               int argc, JSValueConst *argv)
{
""",
    ),
    (
        "following field",
        "quickjs.c",
        "    bool is_handled;\n    JSValue promise_result;\n} JSPromiseData;\n",
        "    bool is_handled;\n    bool follows; /* asks a promise that it is resolved with for no `then` */\n"
        "    JSValue promise_result;\n} JSPromiseData;\n",
    ),
    (
        "following resolve",
        "quickjs.c",
        "    then = JS_GetProperty(ctx, resolution, JS_ATOM_then);\n"
        "    if (JS_IsException(then)) {\n        JSValue error;\n    fail_reject:\n",
        """    if (js_promise_may_follow(ctx, s->promise, resolution)) {
        args[0] = s->promise;
        args[1] = resolution;
        JS_EnqueueJob(ctx, js_promise_follow_job, 2, args);
        return JS_UNDEFINED;
    }
    then = JS_GetProperty(ctx, resolution, JS_ATOM_then);
    if (JS_IsException(then)) {
        JSValue error;
    fail_reject:
""",
    ),
    (
        "following job",
        "quickjs.c",
        """static JSValue js_promise_resolve_function_call(JSContext *ctx,
                                                JSValueConst func_obj,
                                                JSValueConst this_val,
                                                int argc, JSValueConst *argv,
                                                int flags)
{
""",
        """/* Not of a promise with a `then` or a prototype of its own: there a script has a say. */
static bool js_promise_may_follow(JSContext *ctx, JSValueConst promise, JSValueConst resolution)
{
    JSPromiseData *s = JS_GetOpaque(promise, JS_CLASS_PROMISE);
    JSProperty *pr;
    JSObject *p;

    if (!s || !s->follows || !JS_GetOpaque(resolution, JS_CLASS_PROMISE))
        return false;
    p = JS_VALUE_GET_OBJ(resolution);
    return p->shape->proto == JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_PROMISE]) &&
        !find_own_property(&pr, p, JS_ATOM_then);
}

static JSValue js_promise_follow_job(JSContext *ctx, int argc, JSValueConst *argv)
{
    JSValue functions[2];
    int ret;

    if (js_create_resolving_functions(ctx, functions, argv[0]))
        return JS_EXCEPTION;
    ret = JS_PromiseUpon(ctx, argv[1], functions[0], functions[1]);
    JS_FreeValue(ctx, functions[0]);
    JS_FreeValue(ctx, functions[1]);
    return ret ? JS_EXCEPTION : JS_UNDEFINED;
}

static JSValue js_promise_resolve_function_call(JSContext *ctx,
                                                JSValueConst func_obj,
                                                JSValueConst this_val,
                                                int argc, JSValueConst *argv,
                                                int flags)
{
""",
    ),
    (
        "following capability",
        "quickjs.c",
        """JSValue JS_PromiseThen(JSContext *ctx, JSValueConst promise,
                       JSValueConst on_fulfilled,
                       JSValueConst on_rejected)
{
""",
        """JSValue JS_NewFollowingPromise(JSContext *ctx, JSValue *resolving_funcs)
{
    JSValue promise = JS_NewPromiseCapability(ctx, resolving_funcs);
    JSPromiseData *s = JS_GetOpaque(promise, JS_CLASS_PROMISE);
    if (s)
        s->follows = true;
    return promise;
}

JSValue JS_PromiseThen(JSContext *ctx, JSValueConst promise,
                       JSValueConst on_fulfilled,
                       JSValueConst on_rejected)
{
""",
    ),
    (
        "following then",
        "quickjs.c",
        """    result_promise = JS_NewPromiseCapability(ctx, resolving_funcs);
    if (have_promise_hook)
        rt->parent_promise = link.next;
    if (JS_IsException(result_promise))
        return result_promise;

    ret = perform_promise_then(ctx, promise, handlers, vc(resolving_funcs));
""",
        """    result_promise = JS_NewFollowingPromise(ctx, resolving_funcs);
    if (have_promise_hook)
        rt->parent_promise = link.next;
    if (JS_IsException(result_promise))
        return result_promise;

    ret = perform_promise_then(ctx, promise, handlers, vc(resolving_funcs));
""",
    ),
]
