/* The URL interface, on top of ada's parser: https://url.spec.whatwg.org/#url-class */
#include "web/url/url.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"
#include "web/url/url_params.h"

#include <string.h>

#define NOT_SPECIAL 1 /* ada::scheme::type */

static JSClassID class_id;

static void finalize(JSRuntime *rt, JSValueConst value) {
    fn_url *url = JS_GetOpaque(value, class_id);
    if (url != NULL) {
        if (url->params != NULL) {
            url->params->url = NULL;
        }
        JS_FreeValueRT(rt, url->params_object);
        ada_free(url->url);
        js_free_rt(rt, url);
    }
}

static void mark(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark_func) {
    fn_url *url = JS_GetOpaque(value, class_id);
    if (url != NULL) {
        JS_MarkValue(rt, url->params_object, mark_func);
    }
}

static fn_url *this_url(JSContext *ctx, JSValueConst this_val) {
    return JS_GetOpaque2(ctx, this_val, class_id);
}

static JSValue to_string(JSContext *ctx, ada_string string) {
    return JS_NewStringLen(ctx, string.data, string.length);
}

/* ada accepts ASCII host names unchecked, although a label that begins with xn-- must be valid
 * Punycode. It checks every label when the name is not ASCII, so a label that is not is appended.
 */
static bool has_valid_host(ada_url url) {
    static const char suffix[] = ".\xc3\xa9";
    char name[512];
    ada_string host = ada_get_hostname(url);
    if (ada_get_scheme_type(url) == NOT_SPECIAL ||
        memmem(host.data, host.length, "xn--", 4) == NULL) {
        return true;
    }
    if (host.length > sizeof(name) - sizeof(suffix)) {
        return false;
    }
    memcpy(name, host.data, host.length);
    memcpy(name + host.length, suffix, sizeof(suffix));
    ada_owned_string ascii = ada_idna_to_ascii(name, host.length + sizeof(suffix) - 1);
    bool valid = ascii.length > 0;
    ada_free_owned_string(ascii);
    return valid;
}

/* NULL when the URL is invalid. */
static ada_url parse_text(const fn_text *input, const fn_text *base) {
    ada_url url = base != NULL
                      ? ada_parse_with_base(input->bytes, input->len, base->bytes, base->len)
                      : ada_parse(input->bytes, input->len);
    if (url != NULL && (!ada_is_valid(url) || !has_valid_host(url))) {
        ada_free(url);
        return NULL;
    }
    return url;
}

/* Reads and parses (url, base). 0 with the URL, or with NULL when it is invalid; -1 with an
 * exception. */
static int parse(JSContext *ctx, int argc, JSValueConst *argv, ada_url *url) {
    fn_text input, base = {0};
    bool has_base = argc > 1 && !JS_IsUndefined(argv[1]);
    if (fn_idl_need(ctx, "URL", argc, 1) < 0 || fn_text_usv(ctx, &input, argv[0]) < 0) {
        return -1;
    }
    if (has_base && fn_text_usv(ctx, &base, argv[1]) < 0) {
        fn_text_free(ctx, &input);
        return -1;
    }
    *url = parse_text(&input, has_base ? &base : NULL);
    fn_text_free(ctx, &input);
    fn_text_free(ctx, &base);
    return 0;
}

/* Takes ownership of `parsed`. */
static JSValue wrap(JSContext *ctx, JSValue value, ada_url parsed) {
    fn_url *url = JS_IsException(value) ? NULL : js_malloc(ctx, sizeof(*url));
    if (url == NULL) {
        ada_free(parsed);
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    *url = (fn_url){parsed, JS_UNDEFINED, NULL};
    JS_SetOpaque(value, url);
    return value;
}

static int set_text(JSContext *ctx, JSValueConst error, const char *name, JSValueConst text) {
    return JS_DefinePropertyValueStr(ctx, error, name, JS_DupValue(ctx, text), JS_PROP_C_W_E);
}

JSValue fn_url_throw_invalid(JSContext *ctx, int argc, JSValueConst *argv) {
    JS_ThrowTypeError(ctx, "Invalid URL");
    JSValue error = JS_GetException(ctx);
    JSValue code = JS_NewString(ctx, "ERR_INVALID_URL");
    if (!JS_IsObject(error) || JS_IsException(code) || set_text(ctx, error, "code", code) < 0 ||
        (JS_IsString(argv[0]) && set_text(ctx, error, "input", argv[0]) < 0) ||
        (argc > 1 && JS_IsString(argv[1]) && set_text(ctx, error, "base", argv[1]) < 0)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, code);
    return JS_Throw(ctx, error);
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    ada_url parsed;
    if (parse(ctx, argc, argv, &parsed) < 0) {
        return JS_EXCEPTION;
    }
    if (parsed == NULL) {
        return fn_url_throw_invalid(ctx, argc, argv);
    }
    return wrap(ctx, fn_idl_create(ctx, new_target, class_id), parsed);
}

static JSValue static_parse(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    ada_url parsed;
    if (parse(ctx, argc, argv, &parsed) < 0) {
        return JS_EXCEPTION;
    }
    return parsed == NULL ? JS_NULL : wrap(ctx, JS_NewObjectClass(ctx, class_id), parsed);
}

static JSValue can_parse(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    ada_url parsed;
    if (parse(ctx, argc, argv, &parsed) < 0) {
        return JS_EXCEPTION;
    }
    bool valid = parsed != NULL;
    if (valid) {
        ada_free(parsed);
    }
    return JS_NewBool(ctx, valid);
}

typedef ada_string getter(ada_url url);
typedef bool setter(ada_url url, const char *input, size_t len);

static bool set_search(ada_url url, const char *input, size_t len) {
    ada_set_search(url, input, len);
    return true;
}

static bool set_hash(ada_url url, const char *input, size_t len) {
    ada_set_hash(url, input, len);
    return true;
}

enum { HREF, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH };

static const struct {
    getter *get;
    setter *set;
} parts[] = {
    [HREF] = {ada_get_href, ada_set_href},
    [PROTOCOL] = {ada_get_protocol, ada_set_protocol},
    [USERNAME] = {ada_get_username, ada_set_username},
    [PASSWORD] = {ada_get_password, ada_set_password},
    [HOST] = {ada_get_host, ada_set_host},
    [HOSTNAME] = {ada_get_hostname, ada_set_hostname},
    [PORT] = {ada_get_port, ada_set_port},
    [PATHNAME] = {ada_get_pathname, ada_set_pathname},
    [SEARCH] = {ada_get_search, set_search},
    [HASH] = {ada_get_hash, set_hash},
};

static JSValue get_part(JSContext *ctx, JSValueConst this_val, int part) {
    fn_url *url = this_url(ctx, this_val);
    return url == NULL ? JS_EXCEPTION : to_string(ctx, parts[part].get(url->url));
}

static JSValue set_part(JSContext *ctx, JSValueConst this_val, JSValueConst value, int part) {
    fn_url *url = this_url(ctx, this_val);
    fn_text text;
    if (url == NULL || fn_text_usv(ctx, &text, value) < 0) {
        return JS_EXCEPTION;
    }
    ada_url before = part == HREF || part == HOST || part == HOSTNAME ? ada_copy(url->url) : NULL;
    bool done = parts[part].set(url->url, text.bytes, text.len);
    if (before != NULL && !has_valid_host(url->url)) {
        ada_url refused = url->url;
        url->url = before;
        before = refused;
        done = false;
    }
    if (before != NULL) {
        ada_free(before);
    }
    fn_text_free(ctx, &text);
    if (part == HREF && !done) {
        return JS_ThrowTypeError(ctx, "Invalid URL");
    }
    if ((part == HREF || part == SEARCH) && url->params != NULL) {
        fn_params_reset(ctx, url->params);
    }
    return JS_UNDEFINED;
}

static JSValue to_json(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)argc;
    (void)argv;
    return get_part(ctx, this_val, HREF);
}

static JSValue get_origin(JSContext *ctx, JSValueConst this_val) {
    fn_url *url = this_url(ctx, this_val);
    if (url == NULL) {
        return JS_EXCEPTION;
    }
    ada_owned_string origin = ada_get_origin(url->url);
    JSValue string = JS_NewStringLen(ctx, origin.data, origin.length);
    ada_free_owned_string(origin);
    return string;
}

static JSValue get_search_params(JSContext *ctx, JSValueConst this_val) {
    fn_url *url = this_url(ctx, this_val);
    if (url == NULL) {
        return JS_EXCEPTION;
    }
    if (JS_IsUndefined(url->params_object)) {
        JSValue object = fn_params_of_url(ctx, url);
        if (JS_IsException(object)) {
            return object;
        }
        url->params_object = object;
    }
    return JS_DupValue(ctx, url->params_object);
}

#define PART(name, part) FN_ATTRIBUTE_MAGIC(name, get_part, set_part, part)

static const JSCFunctionListEntry members[] = {
    PART("href", HREF),
    FN_METHOD("toString", 0, to_json),
    FN_GETTER("origin", get_origin),
    PART("protocol", PROTOCOL),
    PART("username", USERNAME),
    PART("password", PASSWORD),
    PART("host", HOST),
    PART("hostname", HOSTNAME),
    PART("port", PORT),
    PART("pathname", PATHNAME),
    PART("search", SEARCH),
    FN_GETTER("searchParams", get_search_params),
    PART("hash", HASH),
    FN_METHOD("toJSON", 0, to_json),
    FN_TAG("URL"),
};

static const JSCFunctionListEntry statics[] = {
    FN_METHOD("parse", 1, static_parse),
    FN_METHOD("canParse", 1, can_parse),
};

JSValue fn_url_normalize(JSContext *ctx, const char *input, size_t len) {
    fn_text text = {.bytes = input, .len = len};
    ada_url url = parse_text(&text, NULL);
    JSValue href = url != NULL ? to_string(ctx, ada_get_href(url)) : JS_NULL;
    if (url != NULL) {
        ada_free(url);
    }
    return href;
}

bool fn_url_has_credentials(const char *href, size_t len) {
    ada_url url = ada_parse(href, len);
    bool has = url != NULL && ada_is_valid(url) && ada_has_credentials(url);
    if (url != NULL) {
        ada_free(url);
    }
    return has;
}

int fn_url_init(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"URL", .finalizer = finalize, .gc_mark = mark},
        .constructor = construct,
        .length = 1,
        .members = members,
        .member_count = FN_COUNT(members),
        .statics = statics,
        .static_count = FN_COUNT(statics),
    };
    ada_set_max_input_length(FN_URL_MAX);
    return fn_idl_define(ctx, &interface);
}
