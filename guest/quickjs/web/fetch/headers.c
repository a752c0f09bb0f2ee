/* The Headers interface: https://fetch.spec.whatwg.org/#headers-class */
#include "web/fetch/headers.h"
#include "core/host.h"
#include "web/fetch/fetch.h"
#include "web/fetch/host.h"
#include "web/idl/idl.h"
#include "web/idl/intrinsics.h"
#include "web/idl/memory.h"
#include "web/idl/pair_iterator.h"
#include "web/idl/text.h"

#include <string.h>
#include <strings.h>

#define MAX_NO_CORS_VALUE 128 /* bytes; a longer value is refused */

static JSClassID class_id;

typedef struct {
    fn_headers *list;
    fn_guard guard;
} headers_object;

static void finalize(JSRuntime *rt, JSValueConst value) {
    headers_object *object = JS_GetOpaque(value, class_id);
    if (object != NULL) {
        fn_headers_free(object->list);
        js_free_rt(rt, object);
    }
}

static headers_object *this_headers(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id);
}

static int attach(JSContext *ctx, JSValueConst value, fn_headers *list, fn_guard guard) {
    headers_object *object = js_malloc(ctx, sizeof(*object));
    if (object == NULL) {
        return -1;
    }
    *object = (headers_object){list, guard};
    JS_SetOpaque(value, object);
    return 0;
}

JSValue fn_headers_object(JSContext *ctx, fn_headers *list, fn_guard guard) {
    JSValue value = JS_NewObjectClass(ctx, class_id);
    if (!JS_IsException(value) && attach(ctx, value, list, guard) == 0) {
        fn_headers_ref(list);
        return value;
    }
    JS_FreeValue(ctx, value);
    return JS_EXCEPTION;
}

/* ---- a header's name and value as a script gives them, checked and normalised */

/* A checked name and value. */
typedef struct {
    fn_text name, value;
    const char *at; /* the value without the white space around it */
    size_t len;
} field;

bool fn_is_token(const char *bytes, size_t len) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || strchr(others, c) == NULL)) {
            return false;
        }
    }
    return len > 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void free_field(JSContext *ctx, field *f) {
    fn_text_free(ctx, &f->name);
    fn_text_free(ctx, &f->value);
}

static int check_name(JSContext *ctx, const fn_text *name) {
    if (!fn_is_token(name->bytes, name->len)) {
        JS_ThrowTypeError(ctx, "Headers: invalid header name");
        return -1;
    }
    return 0;
}

static int check_value(JSContext *ctx, field *f) {
    f->at = f->value.bytes;
    f->len = f->value.len;
    while (f->len > 0 && is_space(f->at[0])) {
        f->at++;
        f->len--;
    }
    while (f->len > 0 && is_space(f->at[f->len - 1])) {
        f->len--;
    }
    if (memchr(f->at, '\0', f->len) != NULL || memchr(f->at, '\r', f->len) != NULL ||
        memchr(f->at, '\n', f->len) != NULL) {
        JS_ThrowTypeError(ctx, "Headers: invalid header value");
        return -1;
    }
    return 0;
}

static int read_field(JSContext *ctx, field *f, JSValueConst name, JSValueConst value) {
    *f = (field){0};
    if (fn_text_bytes(ctx, &f->name, name) < 0) {
        return -1;
    }
    if (fn_text_bytes(ctx, &f->value, value) < 0 || check_name(ctx, &f->name) < 0 ||
        check_value(ctx, f) < 0) {
        free_field(ctx, f);
        return -1;
    }
    return 0;
}

/* ---- what a request of the mode no-cors may carry:
 * https://fetch.spec.whatwg.org/#no-cors-safelisted-request-header */

static bool is(const char *name, size_t len, const char *other) {
    return strlen(other) == len && strncasecmp(name, other, len) == 0;
}

static bool is_no_cors_name(const char *name, size_t len) {
    return is(name, len, "accept") || is(name, len, "accept-language") ||
           is(name, len, "content-language") || is(name, len, "content-type");
}

static bool has_unsafe_byte(const uint8_t *value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f ||
            (value[i] != '\0' && strchr("\"():<>?@[\\]{}", value[i]) != NULL)) {
            return true;
        }
    }
    return false;
}

static bool is_language(const uint8_t *value, size_t len) {
    for (size_t i = 0; i < len; i++) {
        uint8_t c = value[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (c == '\0' || strchr(" *,-.;=", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool is_form_type(const uint8_t *value, size_t len) {
    const uint8_t *end = memchr(value, ';', len);
    const char *type = (const char *)value;
    len = end == NULL ? len : (size_t)(end - value);
    while (len > 0 && (type[len - 1] == ' ' || type[len - 1] == '\t')) {
        len--;
    }
    return is(type, len, "application/x-www-form-urlencoded") ||
           is(type, len, "multipart/form-data") || is(type, len, "text/plain");
}

static bool is_no_cors_field(const char *name, size_t name_len, const uint8_t *value, size_t len) {
    if (len > MAX_NO_CORS_VALUE || !is_no_cors_name(name, name_len)) {
        return false;
    }
    if (is(name, name_len, "accept-language") || is(name, name_len, "content-language")) {
        return is_language(value, len);
    }
    return !has_unsafe_byte(value, len) &&
           (is(name, name_len, "accept") || is_form_type(value, len));
}

int fn_headers_keep_no_cors(JSContext *ctx, fn_headers *list) {
    for (size_t i = 0; i < fn_headers_count(list);) {
        const char *name;
        const uint8_t *value;
        size_t name_len, len;
        fn_headers_at(list, i, &name, &name_len, &value, &len);
        uint8_t *all = fn_headers_combined(list, name, name_len, &len);
        if (all == NULL) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
        bool keep = is_no_cors_field(name, name_len, all, len);
        fn_free(all);
        if (keep) {
            i++;
        } else if (fn_headers_delete(list, name, name_len) != 0) {
            JS_ThrowOutOfMemory(ctx);
            return -1;
        }
    }
    return 0;
}

/* ---- the interface */

static int throw_memory(JSContext *ctx, int err) {
    if (err != 0) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    return 0;
}

static int writable(JSContext *ctx, const headers_object *object) {
    if (object->guard == FN_GUARD_IMMUTABLE) {
        JS_ThrowTypeError(ctx, "Headers: these headers are immutable");
        return -1;
    }
    return 0;
}

/* Returns 1 when the guard ignores this change silently, 0 when it does not, or -1 with an
 * exception. */
static int ignores(JSContext *ctx, const headers_object *object, const field *f, bool set) {
    if (object->guard != FN_GUARD_REQUEST_NO_CORS) {
        return 0;
    }
    fn_headers *trial = set ? fn_headers_new() : fn_headers_copy(object->list);
    size_t len = 0;
    int err = trial == NULL ? -1
                            : fn_headers_append(trial, f->name.bytes, f->name.len,
                                                (const uint8_t *)f->at, f->len);
    const char *name;
    const uint8_t *last;
    size_t name_len;
    uint8_t *all = NULL;
    if (err == 0) {
        /* The list stores names in lower case. */
        fn_headers_at(trial, fn_headers_count(trial) - 1, &name, &name_len, &last, &len);
        all = fn_headers_combined(trial, name, name_len, &len);
    }
    int result = all == NULL ? throw_memory(ctx, UV_ENOMEM)
                             : !is_no_cors_field(f->name.bytes, f->name.len, all, len);
    fn_free(all);
    fn_headers_free(trial);
    return result;
}

static int add_pair(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                    bool replace) {
    (void)replace; /* a ByteString has only one spelling */
    field f;
    if (read_field(ctx, &f, name, value) < 0) {
        return -1;
    }
    int err = throw_memory(
        ctx, fn_headers_append(opaque, f.name.bytes, f.name.len, (const uint8_t *)f.at, f.len));
    free_field(ctx, &f);
    return err;
}

int fn_headers_fill(JSContext *ctx, fn_headers *list, JSValueConst init) {
    if (!JS_IsObject(init)) {
        JS_ThrowTypeError(ctx, "Headers: the initial value is neither a sequence nor a record");
        return -1;
    }
    return fn_idl_pairs(ctx, init, "Headers", true, add_pair, list);
}

int fn_headers_default_type(JSContext *ctx, fn_headers *list, const char *type, size_t len) {
    if (fn_headers_has(list, "content-type", 12)) {
        return 0;
    }
    return throw_memory(ctx,
                        fn_headers_append(list, "content-type", 12, (const uint8_t *)type, len));
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    JSValue value = fn_idl_create(ctx, new_target, class_id);
    if (JS_IsException(value)) {
        return value;
    }
    fn_headers *list = fn_headers_new();
    if (list == NULL || attach(ctx, value, list, FN_GUARD_NONE) < 0) {
        fn_headers_free(list);
        JS_FreeValue(ctx, value);
        return JS_ThrowOutOfMemory(ctx);
    }
    if (argc > 0 && !JS_IsUndefined(argv[0]) && fn_headers_fill(ctx, list, argv[0]) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

static JSValue append(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                      int set) {
    headers_object *object = this_headers(ctx, this_val);
    field f;
    if (object == NULL || fn_idl_need(ctx, set ? "Headers.set" : "Headers.append", argc, 2) < 0 ||
        read_field(ctx, &f, argv[0], argv[1]) < 0) {
        return JS_EXCEPTION;
    }
    int err = writable(ctx, object);
    int ignored = err < 0 ? 0 : ignores(ctx, object, &f, set);
    err = ignored < 0 ? -1 : err;
    if (err == 0 && ignored == 0) {
        const uint8_t *value = (const uint8_t *)f.at;
        err = throw_memory(
            ctx, set ? fn_headers_set(object->list, f.name.bytes, f.name.len, value, f.len)
                     : fn_headers_append(object->list, f.name.bytes, f.name.len, value, f.len));
    }
    free_field(ctx, &f);
    return err < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

typedef enum { BY_NAME_DELETE, BY_NAME_GET, BY_NAME_HAS } by_name_op;

static JSValue get(JSContext *ctx, const fn_headers *list, const fn_text *name) {
    char *lower = js_strndup(ctx, name->bytes, name->len);
    if (lower == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t i = 0; i < name->len; i++) {
        lower[i] = lower[i] >= 'A' && lower[i] <= 'Z' ? (char)(lower[i] | 0x20) : lower[i];
    }
    size_t len;
    uint8_t *value = fn_headers_combined(list, lower, name->len, &len);
    js_free(ctx, lower);
    if (value == NULL) {
        return len == SIZE_MAX ? JS_ThrowOutOfMemory(ctx) : JS_NULL;
    }
    JSValue string = fn_text_isomorphic(ctx, value, len);
    fn_free(value);
    return string;
}

static JSValue by_name(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                       int op) {
    static const char *const names[] = {"Headers.delete", "Headers.get", "Headers.has"};
    headers_object *object = this_headers(ctx, this_val);
    fn_text name;
    if (object == NULL || fn_idl_need(ctx, names[op], argc, 1) < 0 ||
        fn_text_bytes(ctx, &name, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    JSValue result = JS_EXCEPTION;
    if (check_name(ctx, &name) == 0) {
        if (op == BY_NAME_GET) {
            result = get(ctx, object->list, &name);
        } else if (op == BY_NAME_HAS) {
            result = JS_NewBool(ctx, fn_headers_has(object->list, name.bytes, name.len));
        } else if (object->guard == FN_GUARD_REQUEST_NO_CORS &&
                   !is_no_cors_name(name.bytes, name.len)) {
            result = JS_UNDEFINED;
        } else if (writable(ctx, object) == 0 &&
                   throw_memory(ctx, fn_headers_delete(object->list, name.bytes, name.len)) == 0) {
            result = JS_UNDEFINED;
        }
    }
    fn_text_free(ctx, &name);
    return result;
}

static JSValue get_set_cookie(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    headers_object *object = this_headers(ctx, this_val);
    JSValue array = object == NULL ? JS_EXCEPTION : JS_NewArray(ctx);
    uint32_t end = 0;
    for (size_t i = 0; !JS_IsException(array) && i < fn_headers_count(object->list); i++) {
        const char *name;
        const uint8_t *value;
        size_t name_len, value_len;
        fn_headers_at(object->list, i, &name, &name_len, &value, &value_len);
        if (name_len != 10 || memcmp(name, "set-cookie", 10) != 0) {
            continue;
        }
        JSValue string = fn_text_isomorphic(ctx, value, value_len);
        if (JS_IsException(string) ||
            JS_DefinePropertyValueUint32(ctx, array, end++, string, JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, array);
            array = JS_EXCEPTION;
        }
    }
    return array;
}

static int pair_at(JSContext *ctx, JSValueConst target, uint32_t index, JSValue pair[2]) {
    headers_object *object = JS_GetOpaque(target, class_id);
    const fn_order *order = fn_headers_sorted(object->list);
    if (order == NULL) {
        return throw_memory(ctx, UV_ENOMEM);
    }
    if (index >= order->count) {
        return 0;
    }
    const char *name;
    const uint8_t *value;
    size_t name_len, value_len;
    uint32_t first = order->entries[order->stops[index]];
    fn_headers_at(object->list, first, &name, &name_len, &value, &value_len);
    uint8_t *joined = fn_order_join(object->list, order, index, &value_len);
    if (joined == NULL) {
        return throw_memory(ctx, UV_ENOMEM);
    }
    pair[0] = JS_NewStringLen(ctx, name, name_len);
    pair[1] = fn_text_isomorphic(ctx, joined, value_len);
    fn_free(joined);
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
    return this_headers(ctx, this_val) == NULL
               ? JS_EXCEPTION
               : fn_pair_iterator_new(ctx, this_val, FN_PAIRS_HEADERS, (fn_pair_kind)kind);
}

static JSValue for_each(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    return this_headers(ctx, this_val) == NULL
               ? JS_EXCEPTION
               : fn_pair_for_each(ctx, this_val, FN_PAIRS_HEADERS, argc, argv);
}

static const JSCFunctionListEntry members[] = {
    FN_METHOD_MAGIC("append", 2, append, false),
    FN_METHOD_MAGIC("set", 2, append, true),
    FN_METHOD_MAGIC("delete", 1, by_name, BY_NAME_DELETE),
    FN_METHOD_MAGIC("get", 1, by_name, BY_NAME_GET),
    FN_METHOD_MAGIC("has", 1, by_name, BY_NAME_HAS),
    FN_METHOD("getSetCookie", 0, get_set_cookie),
    FN_METHOD_MAGIC("entries", 0, iterate, FN_PAIR_ENTRIES),
    FN_METHOD_MAGIC("keys", 0, iterate, FN_PAIR_KEYS),
    FN_METHOD_MAGIC("values", 0, iterate, FN_PAIR_VALUES),
    FN_METHOD("forEach", 1, for_each),
    FN_TAG("Headers"),
};

int fn_headers_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"Headers", .finalizer = finalize},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
    };
    if (fn_pair_iterator_init(ctx, FN_PAIRS_HEADERS, pair_at) < 0 ||
        fn_idl_define(ctx, &interface) < 0) {
        return -1;
    }
    JSValue proto = JS_GetClassProto(ctx, class_id);
    int err = fn_idl_alias(ctx, proto, "entries", fn_intrinsics.symbol_iterator);
    JS_FreeValue(ctx, proto);
    return err;
}
