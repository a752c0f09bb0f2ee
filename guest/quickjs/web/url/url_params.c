/* The URLSearchParams interface: https://url.spec.whatwg.org/#interface-urlsearchparams */
#include "web/url/url_params.h"
#include "web/encoding/utf8.h"
#include "web/idl/idl.h"
#include "web/idl/intrinsics.h"
#include "web/idl/pair_iterator.h"
#include "web/idl/text.h"
#include "web/url/url.h"

static JSClassID class_id;

/* Frees the saved position of the last iteration. */
static void forget_place(fn_params *params) {
    if (params->at != NULL) {
        ada_free_search_params_entries_iter(params->at);
        params->at = NULL;
    }
}

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_params *params = JS_GetOpaque(value, class_id);
    if (params != NULL) {
        if (params->url != NULL) {
            params->url->params = NULL;
        }
        forget_place(params);
        ada_free_search_params(params->list);
        js_free_rt(rt, params);
    }
}

bool fn_is_params(JSValueConst value) {
    return JS_GetClassID(value) == class_id;
}

static fn_params *this_params(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id);
}

static bool is_broken(ada_string text) {
    return fn_utf8_valid((const uint8_t *)text.data, text.length) < text.length;
}

/* At least one of the two is invalid UTF-8. */
static int append_repaired(JSContext *ctx, ada_url_search_params list, ada_string_pair pair) {
    size_t key_len, value_len;
    char *key = fn_utf8_repair(ctx, (const uint8_t *)pair.key.data, pair.key.length, &key_len);
    char *value =
        fn_utf8_repair(ctx, (const uint8_t *)pair.value.data, pair.value.length, &value_len);
    int err = key == NULL || value == NULL ? -1 : 0;
    if (err == 0) {
        ada_search_params_append(list, key, key_len, value, value_len);
    }
    js_free(ctx, key);
    js_free(ctx, value);
    return err;
}

/* ada does not check that percent-decoded bytes are UTF-8. In a list that was just parsed, replaces
 * each invalid part by U+FFFD, as the standard requires. 0, or -1 with an exception. */
static int repair_list(JSContext *ctx, fn_params *params) {
    ada_url_search_params_entries_iter at = ada_search_params_get_entries(params->list);
    bool broken = false;
    int err = 0;
    while (!broken && ada_search_params_entries_iter_has_next(at)) {
        ada_string_pair pair = ada_search_params_entries_iter_next(at);
        broken = is_broken(pair.key) || is_broken(pair.value);
    }
    ada_free_search_params_entries_iter(at);
    if (!broken) {
        return 0;
    }
    ada_url_search_params repaired = ada_parse_search_params("", 0);
    at = ada_search_params_get_entries(params->list);
    while (err == 0 && ada_search_params_entries_iter_has_next(at)) {
        err = append_repaired(ctx, repaired, ada_search_params_entries_iter_next(at));
    }
    ada_free_search_params_entries_iter(at);
    forget_place(params);
    ada_free_search_params(err == 0 ? params->list : repaired);
    params->list = err == 0 ? repaired : params->list;
    return err;
}

static fn_params *attach(JSContext *ctx, JSValueConst value, const char *query, size_t len) {
    fn_params *params = js_malloc(ctx, sizeof(*params));
    if (params == NULL) {
        return NULL;
    }
    *params = (fn_params){.list = ada_parse_search_params(query, len)};
    JS_SetOpaque(value, params);
    return repair_list(ctx, params) < 0 ? NULL : params;
}

JSValue fn_params_of_url(JSContext *ctx, fn_url *url) {
    JSValue value = JS_NewObjectClass(ctx, class_id);
    if (JS_IsException(value)) {
        return value;
    }
    ada_string search = ada_get_search(url->url);
    fn_params *params = attach(ctx, value, search.data, search.length);
    if (params == NULL) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    params->url = url;
    url->params = params;
    return value;
}

void fn_params_reset(JSContext *ctx, fn_params *params) {
    ada_string search = ada_get_search(params->url->url);
    ada_search_params_reset(params->list, search.data, search.length);
    if (repair_list(ctx, params) < 0) {
        JS_FreeValue(ctx, JS_GetException(ctx)); /* out of memory: this ends the invocation */
    }
}

/* Writes a changed list into the query of its URL. */
static void update(fn_params *params) {
    if (params->url != NULL) {
        ada_owned_string query = ada_search_params_to_string(params->list);
        ada_set_search(params->url->url, query.data, query.length);
        ada_free_owned_string(query);
    }
}

static int add_pair(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                    bool replace) {
    fn_params *params = opaque;
    fn_text n, v;
    if (fn_text_usv(ctx, &n, name) < 0) {
        return -1;
    }
    if (fn_text_usv(ctx, &v, value) < 0) {
        fn_text_free(ctx, &n);
        return -1;
    }
    if (replace) {
        ada_search_params_set(params->list, n.bytes, n.len, v.bytes, v.len);
    } else {
        ada_search_params_append(params->list, n.bytes, n.len, v.bytes, v.len);
    }
    fn_text_free(ctx, &n);
    fn_text_free(ctx, &v);
    return 0;
}

static int fill(JSContext *ctx, JSValueConst value, JSValueConst init) {
    if (JS_IsObject(init)) {
        fn_params *params = attach(ctx, value, "", 0);
        return params == NULL ? -1
                              : fn_idl_pairs(ctx, init, "URLSearchParams", false, add_pair, params);
    }
    fn_text text;
    if (fn_text_usv(ctx, &text, init) < 0) {
        return -1;
    }
    int err = -1;
    if (text.len > FN_URL_MAX) {
        JS_ThrowRangeError(ctx, "URLSearchParams: the query is too long");
    } else {
        err = attach(ctx, value, text.bytes, text.len) == NULL ? -1 : 0;
    }
    fn_text_free(ctx, &text);
    return err;
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    JSValue value = fn_idl_create(ctx, new_target, class_id);
    if (JS_IsException(value)) {
        return value;
    }
    int err = argc == 0 || JS_IsUndefined(argv[0]) ? (attach(ctx, value, "", 0) == NULL ? -1 : 0)
                                                   : fill(ctx, value, argv[0]);
    if (err < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

enum { APPEND, SET, DELETE, HAS, GET, GET_ALL };

static JSValue get_all(JSContext *ctx, fn_params *params, const fn_text *name) {
    ada_strings strings = ada_search_params_get_all(params->list, name->bytes, name->len);
    JSValue array = JS_NewArray(ctx);
    size_t count = ada_strings_size(strings);
    for (size_t i = 0; i < count && !JS_IsException(array); i++) {
        ada_string item = ada_strings_get(strings, i);
        JSValue string = JS_NewStringLen(ctx, item.data, item.length);
        if (JS_IsException(string) ||
            JS_DefinePropertyValueUint32(ctx, array, (uint32_t)i, string, JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, array);
            array = JS_EXCEPTION;
        }
    }
    ada_free_strings(strings);
    return array;
}

/* `value` is NULL when it was not given. */
static JSValue apply(JSContext *ctx, fn_params *params, int op, const fn_text *name,
                     const fn_text *value) {
    ada_url_search_params list = params->list;
    switch (op) {
    case APPEND:
        ada_search_params_append(list, name->bytes, name->len, value->bytes, value->len);
        break;
    case SET:
        ada_search_params_set(list, name->bytes, name->len, value->bytes, value->len);
        break;
    case DELETE:
        if (value != NULL) {
            ada_search_params_remove_value(list, name->bytes, name->len, value->bytes, value->len);
        } else {
            ada_search_params_remove(list, name->bytes, name->len);
        }
        break;
    case HAS:
        return JS_NewBool(ctx, value == NULL
                                   ? ada_search_params_has(list, name->bytes, name->len)
                                   : ada_search_params_has_value(list, name->bytes, name->len,
                                                                 value->bytes, value->len));
    case GET:
        if (!ada_search_params_has(list, name->bytes, name->len)) {
            return JS_NULL;
        }
        ada_string found = ada_search_params_get(list, name->bytes, name->len);
        return JS_NewStringLen(ctx, found.data, found.length);
    default:
        return get_all(ctx, params, name);
    }
    update(params);
    return JS_UNDEFINED;
}

static JSValue by_name(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int op) {
    fn_params *params = this_params(ctx, this_val);
    fn_text name, value;
    int need = op <= SET ? 2 : 1;
    bool has_value = op <= SET || (op <= HAS && argc > 1 && !JS_IsUndefined(argv[1]));
    if (params == NULL || fn_idl_need(ctx, "URLSearchParams", argc, need) < 0 ||
        fn_text_usv(ctx, &name, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    if (has_value && fn_text_usv(ctx, &value, argv[1]) < 0) {
        fn_text_free(ctx, &name);
        return JS_EXCEPTION;
    }
    JSValue result = apply(ctx, params, op, &name, has_value ? &value : NULL);
    fn_text_free(ctx, &name);
    if (has_value) {
        fn_text_free(ctx, &value);
    }
    return result;
}

static JSValue sort(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    fn_params *params = this_params(ctx, this_val);
    if (params == NULL) {
        return JS_EXCEPTION;
    }
    ada_search_params_sort(params->list);
    update(params);
    return JS_UNDEFINED;
}

JSValue fn_params_text(JSContext *ctx, JSValueConst value) {
    fn_params *params = this_params(ctx, value);
    if (params == NULL) {
        return JS_EXCEPTION;
    }
    ada_owned_string query = ada_search_params_to_string(params->list);
    JSValue string = JS_NewStringLen(ctx, query.data, query.length);
    ada_free_owned_string(query);
    return string;
}

static JSValue to_string(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    return fn_params_text(ctx, this_val);
}

static JSValue get_size(JSContext *ctx, JSValueConst this_val) {
    fn_params *params = this_params(ctx, this_val);
    return params == NULL ? JS_EXCEPTION
                          : JS_NewInt64(ctx, (int64_t)ada_search_params_size(params->list));
}

/* ada can only iterate from the start, so the current position is saved. */
static bool go_to(fn_params *params, uint32_t index) {
    if (params->at == NULL || params->index > index) {
        forget_place(params);
        params->at = ada_search_params_get_entries(params->list);
        params->index = 0;
    }
    while (ada_search_params_entries_iter_has_next(params->at)) {
        if (params->index == index) {
            return true;
        }
        ada_search_params_entries_iter_next(params->at);
        params->index++;
    }
    return false;
}

static int pair_at(JSContext *ctx, JSValueConst target, uint32_t index, JSValue pair[2]) {
    fn_params *params = JS_GetOpaque(target, class_id);
    if (!go_to(params, index)) {
        return 0;
    }
    ada_string_pair entry = ada_search_params_entries_iter_next(params->at);
    params->index++;
    pair[0] = JS_NewStringLen(ctx, entry.key.data, entry.key.length);
    pair[1] = JS_NewStringLen(ctx, entry.value.data, entry.value.length);
    if (JS_IsException(pair[0]) || JS_IsException(pair[1])) {
        JS_FreeValue(ctx, pair[0]);
        JS_FreeValue(ctx, pair[1]);
        return -1;
    }
    return 1;
}

static JSValue iterate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int kind) {
    (void)argc;
    (void)argv;
    return this_params(ctx, this_val) == NULL
               ? JS_EXCEPTION
               : fn_pair_iterator_new(ctx, this_val, FN_PAIRS_PARAMS, (fn_pair_kind)kind);
}

static JSValue for_each(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    return this_params(ctx, this_val) == NULL
               ? JS_EXCEPTION
               : fn_pair_for_each(ctx, this_val, FN_PAIRS_PARAMS, argc, argv);
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER("size", get_size),
    FN_METHOD_MAGIC("append", 2, by_name, APPEND),
    FN_METHOD_MAGIC("delete", 1, by_name, DELETE),
    FN_METHOD_MAGIC("get", 1, by_name, GET),
    FN_METHOD_MAGIC("getAll", 1, by_name, GET_ALL),
    FN_METHOD_MAGIC("has", 1, by_name, HAS),
    FN_METHOD_MAGIC("set", 2, by_name, SET),
    FN_METHOD("sort", 0, sort),
    FN_METHOD("toString", 0, to_string),
    FN_METHOD_MAGIC("entries", 0, iterate, FN_PAIR_ENTRIES),
    FN_METHOD_MAGIC("keys", 0, iterate, FN_PAIR_KEYS),
    FN_METHOD_MAGIC("values", 0, iterate, FN_PAIR_VALUES),
    FN_METHOD("forEach", 1, for_each),
    FN_TAG("URLSearchParams"),
};

int fn_params_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"URLSearchParams", .finalizer = finalize},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    if (fn_pair_iterator_init(ctx, FN_PAIRS_PARAMS, pair_at) < 0 ||
        fn_idl_define(ctx, &interface) < 0) {
        return -1;
    }
    JSValue proto = JS_GetClassProto(ctx, class_id);
    int err = fn_idl_alias(ctx, proto, "entries", fn_intrinsics.symbol_iterator);
    JS_FreeValue(ctx, proto);
    return err;
}
