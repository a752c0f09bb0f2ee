/* Iterators of Headers and URLSearchParams: live and by index, as WebIDL's `iterable<K, V>`. */
#include "web/idl/pair_iterator.h"
#include "web/idl/idl.h"
#include "web/idl/intrinsics.h"

typedef struct {
    JSValue target;
    fn_pair_kind kind;
    uint32_t index;
} pair_iterator;

static JSClassID class_ids[2]; /* by fn_pair_interface */
static fn_pair_at *pair_ats[2];

static pair_iterator *iterator_of(JSValueConst value) {
    pair_iterator *it = JS_GetOpaque(value, class_ids[FN_PAIRS_HEADERS]);
    return it != NULL ? it : JS_GetOpaque(value, class_ids[FN_PAIRS_PARAMS]);
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    pair_iterator *it = iterator_of(value);
    if (it != NULL) {
        JS_FreeValueRT(rt, it->target);
        js_free_rt(rt, it);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    pair_iterator *it = iterator_of(value);
    if (it != NULL) {
        JS_MarkValue(rt, it->target, mark_func);
    }
}

static JSValue next(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv, int *done,
                    int magic) {
    (void)argc;
    (void)argv;
    pair_iterator *it = JS_GetOpaque2(ctx, this_val, class_ids[magic]);
    if (it == NULL) {
        return JS_EXCEPTION;
    }
    JSValue pair[2];
    int found = pair_ats[magic](ctx, it->target, it->index, pair);
    *done = found <= 0;
    if (found <= 0) {
        return found < 0 ? JS_EXCEPTION : JS_UNDEFINED;
    }
    it->index++;
    if (it->kind == FN_PAIR_ENTRIES) {
        return JS_NewArrayFrom(ctx, 2, pair);
    }
    JS_FreeValue(ctx, pair[it->kind == FN_PAIR_KEYS]);
    return pair[it->kind == FN_PAIR_VALUES];
}

#define NEXT(which)                                                                                \
    {                                                                                              \
        "next", JS_PROP_C_W_E, JS_DEF_CFUNC, which, {                                              \
            .func = {0, JS_CFUNC_iterator_next, {.iterator_next = next}}                           \
        }                                                                                          \
    }

static const JSCFunctionListEntry headers_members[] = {NEXT(FN_PAIRS_HEADERS),
                                                       FN_TAG("Headers Iterator")};
static const JSCFunctionListEntry params_members[] = {NEXT(FN_PAIRS_PARAMS),
                                                      FN_TAG("URLSearchParams Iterator")};

int fn_pair_iterator_init(JSContext *ctx, fn_pair_interface which, fn_pair_at *pair_at) {
    static const struct {
        JSClassDef class_def;
        const JSCFunctionListEntry *members;
        int member_count;
    } iterators[] = {
        [FN_PAIRS_HEADERS] = {{"Headers Iterator", .finalizer = finalize, .gc_mark = mark},
                              headers_members,
                              FN_COUNT(headers_members)},
        [FN_PAIRS_PARAMS] = {{"URLSearchParams Iterator", .finalizer = finalize, .gc_mark = mark},
                             params_members,
                             FN_COUNT(params_members)},
    };
    pair_ats[which] = pair_at;
    JS_NewClassID(JS_GetRuntime(ctx), &class_ids[which]);
    if (JS_NewClass(JS_GetRuntime(ctx), class_ids[which], &iterators[which].class_def) < 0) {
        return -1;
    }
    JSValue proto = JS_NewObjectProto(ctx, fn_intrinsics.iterator_proto);
    if (JS_IsException(proto) || JS_SetPropertyFunctionList(ctx, proto, iterators[which].members,
                                                            iterators[which].member_count) < 0) {
        JS_FreeValue(ctx, proto);
        return -1;
    }
    JS_SetClassProto(ctx, class_ids[which], proto);
    return 0;
}

JSValue fn_pair_iterator_new(JSContext *ctx, JSValueConst target, fn_pair_interface which,
                             fn_pair_kind kind) {
    JSValue value = JS_NewObjectClass(ctx, class_ids[which]);
    if (JS_IsException(value)) {
        return value;
    }
    pair_iterator *it = js_malloc(ctx, sizeof(*it));
    if (it == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *it = (pair_iterator){JS_DupValue(ctx, target), kind, 0};
    JS_SetOpaque(value, it);
    return value;
}

JSValue fn_pair_for_each(JSContext *ctx, JSValueConst target, fn_pair_interface which, int argc,
                         JSValueConst *argv) {
    if (fn_idl_need(ctx, "forEach", argc, 1) < 0) {
        return JS_EXCEPTION;
    }
    if (!JS_IsFunction(ctx, argv[0])) {
        return JS_ThrowTypeError(ctx, "forEach: the callback is not a function");
    }
    JSValueConst this_arg = argc > 1 ? argv[1] : JS_UNDEFINED;
    for (uint32_t index = 0;; index++) {
        JSValue pair[2];
        int found = pair_ats[which](ctx, target, index, pair);
        if (found <= 0) {
            return found < 0 ? JS_EXCEPTION : JS_UNDEFINED;
        }
        JSValueConst args[] = {pair[1], pair[0], target};
        JSValue result = JS_Call(ctx, argv[0], this_arg, 3, args);
        JS_FreeValue(ctx, pair[0]);
        JS_FreeValue(ctx, pair[1]);
        if (JS_IsException(result)) {
            return result;
        }
        JS_FreeValue(ctx, result);
    }
}
