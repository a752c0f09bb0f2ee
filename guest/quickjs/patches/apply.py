#!/usr/bin/env python3
"""Applies our changes to a copy of QuickJS-NG: `apply.py <directory of its sources>`.

Each change is an exact search and its replacement. A search that does not occur exactly once means
that the engine moved: nothing is written, the change is named, and the exit status is 1.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
from lazy import CHANGES as LAZY_CHANGES  # noqa: E402
from regexp import CHANGES as REGEXP_CHANGES  # noqa: E402
from stack import CHANGES as STACK_CHANGES  # noqa: E402
from streams import CHANGES as STREAMS_CHANGES  # noqa: E402
from template import CHANGES as TEMPLATE_CHANGES  # noqa: E402

# What the changes are for:
#   async context    a value that promise reactions and jobs carry, so that an invocation keeps its
#                    budgets, its log and its fetches after an `await`
#   job filter       asked before each job; jobs of an invocation that was stopped are dropped
#   interrupt        an interrupted script cannot use up the next period of the poll counter by
#                    having the error swallowed (`new Promise(() => { for (;;); })` in a loop)
#   out of memory    told of every OutOfMemory that is thrown, also those of native code
#   arena size       with malloc's header an arena is one page, not two (a fork pays for each)
#   reseed           after a fork; a Map keeps the seed that it was made with
#   drop module      what was compiled to be handed over as bytecode is not kept beside its copy
#   buffer growth    a large bundle's bytecode needs no half of itself beside it,
#   atoms in front   nor all of its strings once more
#   not defined      lets the host say more of a global that is not there than that
#   half a module    is freed where memory ran out while its bytecode was read
#   promise handled  lets the host look at a rejection later, in place of searching a list
#   lazy             in lazy.py
#   slots, promises  in streams.py
#   v flag           in regexp.py
#   call sites       in stack.py
#   template         in template.py
CHANGES = [
    (
        "api",
        "quickjs.h",
        "JS_EXTERN int JS_ExecutePendingJob(JSRuntime *rt, JSContext **pctx);\n",
        """JS_EXTERN int JS_ExecutePendingJob(JSRuntime *rt, JSContext **pctx);

/* The async context in force. The caller owns (and frees) what it gets; what it sets is taken over.
   Promise reactions keep the context in which they were attached, other jobs that in which they
   were enqueued; finalization callbacks run in none (undefined). */
JS_EXTERN JSValue JS_GetAsyncContext(JSRuntime *rt);
JS_EXTERN void JS_SetAsyncContext(JSRuntime *rt, JSValue async_context);
/* Called before each job, with the job's async context in force; false drops the job. */
typedef bool JSJobFilter(JSContext *ctx, JSValueConst async_context, void *opaque);
JS_EXTERN void JS_SetJobFilter(JSRuntime *rt, JSJobFilter *filter, void *opaque);
/* The next poll calls the interrupt handler. */
JS_EXTERN void JS_RequestInterrupt(JSContext *ctx);
/* Called whenever an out of memory error is thrown. It must not allocate or throw. */
typedef void JSOutOfMemoryHandler(JSContext *ctx, void *opaque);
JS_EXTERN void JS_SetOutOfMemoryHandler(JSRuntime *rt, JSOutOfMemoryHandler *cb, void *opaque);
/* Seeds Math.random and the hashes of the Maps and Sets made from now on. `seed` is not 0. */
JS_EXTERN void JS_ReseedContext(JSContext *ctx, uint64_t seed);
/* Has anything been attached to this promise? True for what is not a promise. */
JS_EXTERN bool JS_PromiseIsHandled(JSValueConst promise);
/* Gives up a module that was compiled only (JS_EVAL_FLAG_COMPILE_ONLY), which its context would keep
   for ever. Takes over `module`; nothing may have been linked with it. */
JS_EXTERN void JS_DropModule(JSContext *ctx, JSValue module);
/* What is said of an undefined global, after "x is not defined": NULL for no more than that. */
typedef const char *JSNotDefinedHint(const char *name);
JS_EXTERN void JS_SetNotDefinedHint(JSRuntime *rt, JSNotDefinedHint *hint);
/* Bytes that the runtime counts as allocated. */
JS_EXTERN size_t JS_GetMallocSize(JSRuntime *rt);
""",
    ),
    (
        "buffer growth",
        "cutils.h",
        "        size = s->allocated_size + (s->allocated_size / 2);\n",
        "        size = s->allocated_size + s->allocated_size / (s->allocated_size >> 20 ? 8 : 2);\n",
    ),
    (
        "atoms in front",
        "quickjs.c",
        "    atoms_size = s->dbuf.size;\n    if (dbuf_claim(&dbuf1, atoms_size))\n",
        "    if (s->dbuf.size > dbuf1.size) {\n"
        "        if (dbuf_put(&s->dbuf, dbuf1.buf, dbuf1.size))\n            goto fail;\n"
        "        dbuf_free(&dbuf1);\n        return 0;\n    }\n"
        "    atoms_size = s->dbuf.size;\n    if (dbuf_claim(&dbuf1, atoms_size))\n",
    ),
    (
        "arena size",
        "quickjs.c",
        "#define JS_ARENA_SIZE              4096\n",
        "#define JS_ARENA_SIZE              4080\n",
    ),
    (
        "runtime fields",
        "quickjs.c",
        "    struct list_head job_list; /* list of JSJobEntry.link */\n",
        """    struct list_head job_list; /* list of JSJobEntry.link */
    JSValue async_context;
    JSJobFilter *job_filter;
    void *job_filter_opaque;
    JSOutOfMemoryHandler *out_of_memory_handler;
    void *out_of_memory_opaque;
    JSNotDefinedHint *not_defined_hint;
""",
    ),
    (
        "runtime init",
        "quickjs.c",
        "    rt->current_exception = JS_UNINITIALIZED;\n\n    return rt;\n",
        "    rt->current_exception = JS_UNINITIALIZED;\n"
        "    rt->async_context = JS_UNDEFINED;\n\n    return rt;\n",
    ),
    (
        "not defined",
        "quickjs.c",
        """    return JS_ThrowReferenceError(ctx, "%s is not defined",
                                  JS_AtomGetStr(ctx, buf, sizeof(buf), name));
}
""",
        """    JSNotDefinedHint *hint = ctx->rt->not_defined_hint;
    const char *str = JS_AtomGetStr(ctx, buf, sizeof(buf), name);
    const char *more = hint ? hint(str) : NULL;
    return JS_ThrowReferenceError(ctx, "%s is not defined%s", str, more ? more : "");
}

void JS_SetNotDefinedHint(JSRuntime *rt, JSNotDefinedHint *hint)
{
    rt->not_defined_hint = hint;
}
""",
    ),
    (
        "eval",
        "quickjs.c",
        'return JS_ThrowTypeError(ctx, "eval is not supported");',
        'return JS_ThrowTypeError(ctx, "eval is not supported: "\n'
        '                                 "the function\'s profile does not allow it");',
    ),
    (
        "runtime free",
        "quickjs.c",
        "    rt->in_free = true;\n    JS_FreeValueRT(rt, rt->current_exception);\n",
        "    rt->in_free = true;\n    JS_FreeValueRT(rt, rt->current_exception);\n"
        "    JS_FreeValueRT(rt, rt->async_context);\n",
    ),
    (
        "job entry",
        "quickjs.c",
        "    JSJobFunc *job_func;\n    int argc;\n    JSValue argv[];\n} JSJobEntry;\n",
        "    JSJobFunc *job_func;\n    JSValue async_context;\n    int argc;\n    JSValue argv[];\n"
        "} JSJobEntry;\n",
    ),
    (
        "job entry free",
        "quickjs.c",
        "            JS_FreeValueRT(rt, e->argv[i]);\n        js_free_rt(rt, e);\n",
        "            JS_FreeValueRT(rt, e->argv[i]);\n"
        "        JS_FreeValueRT(rt, e->async_context);\n        js_free_rt(rt, e);\n",
    ),
    (
        "enqueue",
        "quickjs.c",
        """/* return 0 if OK, < 0 if exception */
int JS_EnqueueJob(JSContext *ctx, JSJobFunc *job_func,
                  int argc, JSValueConst *argv)
{
""",
        """JSValue JS_GetAsyncContext(JSRuntime *rt)
{
    return js_dup(rt->async_context);
}

void JS_SetAsyncContext(JSRuntime *rt, JSValue async_context)
{
    JSValue old = rt->async_context;
    rt->async_context = async_context;
    JS_FreeValueRT(rt, old);
}

void JS_SetJobFilter(JSRuntime *rt, JSJobFilter *filter, void *opaque)
{
    rt->job_filter = filter;
    rt->job_filter_opaque = opaque;
}

void JS_RequestInterrupt(JSContext *ctx)
{
    ctx->interrupt_counter = 0;
}

void JS_SetOutOfMemoryHandler(JSRuntime *rt, JSOutOfMemoryHandler *cb, void *opaque)
{
    rt->out_of_memory_handler = cb;
    rt->out_of_memory_opaque = opaque;
}

size_t JS_GetMallocSize(JSRuntime *rt)
{
    return rt->malloc_state.malloc_size;
}

static int js_enqueue_job(JSContext *ctx, JSValueConst async_context,
                          JSJobFunc *job_func, int argc, JSValueConst *argv);

/* return 0 if OK, < 0 if exception */
int JS_EnqueueJob(JSContext *ctx, JSJobFunc *job_func,
                  int argc, JSValueConst *argv)
{
    return js_enqueue_job(ctx, ctx->rt->async_context, job_func, argc, argv);
}

static int js_enqueue_job(JSContext *ctx, JSValueConst async_context,
                          JSJobFunc *job_func, int argc, JSValueConst *argv)
{
""",
    ),
    (
        "enqueue capture",
        "quickjs.c",
        "    e->job_func = job_func;\n    e->argc = argc;\n",
        "    e->job_func = job_func;\n    e->async_context = js_dup(async_context);\n"
        "    e->argc = argc;\n",
    ),
    (
        "execute",
        "quickjs.c",
        """    ctx = e->ctx;
    res = e->job_func(e->ctx, e->argc, vc(e->argv));
    for(i = 0; i < e->argc; i++)
        JS_FreeValue(ctx, e->argv[i]);
""",
        """    ctx = e->ctx;
    JSValue outer = rt->async_context;
    rt->async_context = e->async_context;
    if (rt->job_filter && !rt->job_filter(ctx, rt->async_context, rt->job_filter_opaque))
        res = JS_UNDEFINED;
    else
        res = e->job_func(e->ctx, e->argc, vc(e->argv));
    JS_SetAsyncContext(rt, outer);
    for(i = 0; i < e->argc; i++)
        JS_FreeValue(ctx, e->argv[i]);
""",
    ),
    (
        "interrupt counter",
        "quickjs.c",
        """    JS_ThrowInternalError(ctx, "interrupted");
    JS_SetUncatchableError(ctx, ctx->rt->current_exception);
""",
        """    JS_ThrowInternalError(ctx, "interrupted");
    JS_SetUncatchableError(ctx, ctx->rt->current_exception);
    JS_RequestInterrupt(ctx);
""",
    ),
    (
        "out of memory",
        "quickjs.c",
        """    JSRuntime *rt = ctx->rt;
    if (!rt->in_out_of_memory) {
        rt->in_out_of_memory = true;
""",
        """    JSRuntime *rt = ctx->rt;
    if (rt->out_of_memory_handler)
        rt->out_of_memory_handler(ctx, rt->out_of_memory_opaque);
    if (!rt->in_out_of_memory) {
        rt->in_out_of_memory = true;
""",
    ),
    (
        "map seed field",
        "quickjs.c",
        "    bool is_weak; /* true if WeakSet/WeakMap */\n    struct list_head records;",
        "    bool is_weak; /* true if WeakSet/WeakMap */\n    uint32_t hash_seed;\n"
        "    struct list_head records;",
    ),
    (
        "map seed init",
        "quickjs.c",
        "    s->is_weak = is_weak;\n    JS_SetOpaqueInternal(obj, s);\n",
        "    s->is_weak = is_weak;\n    s->hash_seed = ctx->hash_seed;\n"
        "    JS_SetOpaqueInternal(obj, s);\n",
    ),
    (
        "map seed parameter",
        "quickjs.c",
        "static uint32_t map_hash_key(JSContext *ctx, JSValueConst key)\n",
        "static uint32_t map_hash_key(const JSMapState *s, JSValueConst key)\n",
    ),
    (
        "map seed use",
        "quickjs.c",
        "    return h ^ ctx->hash_seed ^ hash32(tag);\n",
        "    return h ^ s->hash_seed ^ hash32(tag);\n",
    ),
    (
        "map seed find",
        "quickjs.c",
        "    uint32_t h;\n    h = map_hash_key(ctx, key) & (s->hash_size - 1);\n    list_for_each(el,",
        "    uint32_t h;\n    h = map_hash_key(s, key) & (s->hash_size - 1);\n    list_for_each(el,",
    ),
    (
        "map seed resize",
        "quickjs.c",
        "            h = map_hash_key(ctx, mr->key) & (new_hash_size - 1);\n",
        "            h = map_hash_key(s, mr->key) & (new_hash_size - 1);\n",
    ),
    (
        "map seed add",
        "quickjs.c",
        "    h = map_hash_key(ctx, key) & (s->hash_size - 1);\n    list_add_tail(&mr->hash_link,",
        "    h = map_hash_key(s, key) & (s->hash_size - 1);\n    list_add_tail(&mr->hash_link,",
    ),
    (
        "reaction field",
        "quickjs.c",
        "    JSValue resolving_funcs[2];\n    JSValue handler;\n} JSPromiseReactionData;\n",
        "    JSValue resolving_funcs[2];\n    JSValue handler;\n    JSValue async_context;\n"
        "} JSPromiseReactionData;\n",
    ),
    (
        "reaction free",
        "quickjs.c",
        "    JS_FreeValueRT(rt, rd->handler);\n    js_free_rt(rt, rd);\n",
        "    JS_FreeValueRT(rt, rd->handler);\n    JS_FreeValueRT(rt, rd->async_context);\n"
        "    js_free_rt(rt, rd);\n",
    ),
    (
        "reaction mark",
        "quickjs.c",
        "            JS_MarkValue(rt, rd->handler, mark_func);\n",
        "            JS_MarkValue(rt, rd->handler, mark_func);\n"
        "            JS_MarkValue(rt, rd->async_context, mark_func);\n",
    ),
    (
        "reaction capture",
        "quickjs.c",
        "        rd->handler = js_dup(handler);\n        rd_array[i] = rd;\n",
        "        rd->handler = js_dup(handler);\n"
        "        rd->async_context = js_dup(ctx->rt->async_context);\n        rd_array[i] = rd;\n",
    ),
    (
        "reaction enqueue",
        "quickjs.c",
        "        args[4] = value;\n        JS_EnqueueJob(ctx, promise_reaction_job, 5, args);\n",
        "        args[4] = value;\n"
        "        js_enqueue_job(ctx, rd->async_context, promise_reaction_job, 5, args);\n",
    ),
    (
        "finalization callbacks",
        "quickjs.c",
        "                JS_EnqueueJob(fre->ctx, js_finrec_job, 2, args);\n",
        "                js_enqueue_job(fre->ctx, JS_UNDEFINED, js_finrec_job, 2, args);\n",
    ),
    (
        "drop module",
        "quickjs.c",
        "int JS_ResolveModule(JSContext *ctx, JSValueConst obj)\n{\n",
        """void JS_DropModule(JSContext *ctx, JSValue module)
{
    JSModuleDef *m = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, module);
    js_free_module_def(ctx, m);
}

int JS_ResolveModule(JSContext *ctx, JSValueConst obj)
{
""",
    ),
    (
        "half a module",
        "quickjs.c",
        "    JS_FreeAtom(ctx, m->module_name);\n\n    for(i = 0; i < m->req_module_entries_count; i++) {\n",
        """    JS_FreeAtom(ctx, m->module_name);

    if (!m->req_module_entries)
        m->req_module_entries_count = 0;
    if (!m->export_entries)
        m->export_entries_count = 0;
    if (!m->import_entries)
        m->import_entries_count = 0;
    for(i = 0; i < m->req_module_entries_count; i++) {
""",
    ),
    (
        "reseed and promise handled",
        "quickjs.c",
        "void JS_PromiseMarkAsHandled(JSContext *ctx, JSValueConst promise)\n",
        """void JS_ReseedContext(JSContext *ctx, uint64_t seed)
{
    ctx->random_state = seed;
    ctx->hash_seed = xorshift64star(&ctx->random_state);
}

bool JS_PromiseIsHandled(JSValueConst promise)
{
    JSPromiseData *s = JS_GetOpaque(promise, JS_CLASS_PROMISE);
    return !s || s->is_handled;
}

void JS_PromiseMarkAsHandled(JSContext *ctx, JSValueConst promise)
""",
    ),
]


ALL_CHANGES = (
    CHANGES
    + LAZY_CHANGES
    + REGEXP_CHANGES
    + STACK_CHANGES
    + STREAMS_CHANGES
    + TEMPLATE_CHANGES
)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: apply.py <directory of the engine's sources>", file=sys.stderr)
        return 2
    directory = Path(sys.argv[1])
    texts: dict[str, str] = {}
    for name, file, search, replacement in ALL_CHANGES:
        if file not in texts:
            texts[file] = (directory / file).read_text(encoding="utf-8")
        count = texts[file].count(search)
        if count != 1:
            print(f"engine-patch: '{name}' occurs {count} times in {file}", file=sys.stderr)
            return 1
        texts[file] = texts[file].replace(search, replacement)
    for file, text in texts.items():
        (directory / file).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
