/* The results of URLPattern's methods. https://urlpattern.spec.whatwg.org/#urlpattern-class */
#include "web/url/url_pattern_result.h"
#include "web/idl/idl.h"
#include "web/idl/text.h"
#include "web/url/url_pattern_input.h"
#include "web/url/url_pattern_match.h"
#include "web/url/url_pattern_types.h"

static JSValue to_string(JSContext *ctx, fn_slice text) {
    return JS_NewStringLen(ctx, text.bytes, text.len);
}

static int define(JSContext *ctx, JSValueConst object, const char *name, JSValue value) {
    return JS_IsException(value)
               ? -1
               : JS_DefinePropertyValueStr(ctx, object, name, value, JS_PROP_C_W_E);
}

static int define_group(JSContext *ctx, JSValueConst groups, const fn_pattern_match *match,
                        fn_part part, size_t index) {
    fn_slice name = fn_pattern_match_name(match, part, index);
    fn_slice value = fn_pattern_match_value(match, part, index);
    JSAtom key = JS_NewAtomLen(ctx, name.bytes, name.len);
    JSValue string = value.bytes == NULL ? JS_UNDEFINED : to_string(ctx, value);
    int err = key == JS_ATOM_NULL || JS_IsException(string) ? -1 : 0;
    if (err == 0) {
        err = JS_DefinePropertyValue(ctx, groups, key, string, JS_PROP_C_W_E);
    }
    JS_FreeAtom(ctx, key);
    return err < 0 ? -1 : 0;
}

/* A URLPatternComponentResult. */
static JSValue component_result(JSContext *ctx, const fn_pattern_match *match, fn_part part) {
    JSValue result = JS_NewObject(ctx);
    JSValue groups = JS_NewObject(ctx);
    int err = JS_IsException(result) || JS_IsException(groups) ? -1 : 0;
    for (size_t i = 0; err == 0 && i < fn_pattern_match_groups(match, part); i++) {
        err = define_group(ctx, groups, match, part, i);
    }
    if (err < 0) {
        JS_FreeValue(ctx, groups);
    } else if (define(ctx, result, "groups", groups) < 0 ||
               define(ctx, result, "input", to_string(ctx, fn_pattern_match_input(match, part))) <
                   0) {
        err = -1;
    }
    if (err < 0) {
        JS_FreeValue(ctx, result);
        return JS_EXCEPTION;
    }
    return result;
}

JSValue fn_url_pattern_result(JSContext *ctx, const fn_pattern_match *match,
                              const fn_url_input *input) {
    JSValue result = JS_NewObject(ctx);
    if (JS_IsException(result)) {
        return result;
    }
    for (int i = 0; i < FN_PART_INPUTS + 1; i++) {
        int member = fn_url_input_order[i];
        if (member == FN_PART_BASE_URL) {
            continue;
        }
        JSValue value = member == FN_PART_INPUTS ? fn_url_input_list(ctx, input)
                                                 : component_result(ctx, match, (fn_part)member);
        if (define(ctx, result, fn_url_input_names[member], value) < 0) {
            JS_FreeValue(ctx, result);
            return JS_EXCEPTION;
        }
    }
    return result;
}

/* The groups passed to generate(), as strings by name in an object that no script sees. */
typedef struct {
    JSContext *ctx;
    JSValue map;
    fn_text last;
} group_values;

static int add_value(JSContext *ctx, void *opaque, JSValueConst name, JSValueConst value,
                     bool replace) {
    (void)replace;
    const group_values *values = opaque;
    fn_text key, text;
    if (fn_text_usv(ctx, &key, name) < 0) {
        return -1;
    }
    if (fn_text_usv(ctx, &text, value) < 0) {
        fn_text_free(ctx, &key);
        return -1;
    }
    JSAtom atom = JS_NewAtomLen(ctx, key.bytes, key.len);
    JSValue string = JS_NewStringLen(ctx, text.bytes, text.len);
    int err = atom == JS_ATOM_NULL || JS_IsException(string)
                  ? -1
                  : JS_DefinePropertyValue(ctx, values->map, atom, string, JS_PROP_C_W_E);
    JS_FreeAtom(ctx, atom);
    fn_text_free(ctx, &key);
    fn_text_free(ctx, &text);
    return err < 0 ? -1 : 0;
}

static fn_slice value_of(void *opaque, fn_slice name) {
    group_values *values = opaque;
    JSContext *ctx = values->ctx;
    fn_text_free(ctx, &values->last);
    JSAtom atom = JS_NewAtomLen(ctx, name.bytes, name.len);
    JSValue value = atom == JS_ATOM_NULL ? JS_EXCEPTION : JS_GetProperty(ctx, values->map, atom);
    JS_FreeAtom(ctx, atom);
    bool found = JS_IsString(value) && fn_text_usv(ctx, &values->last, value) == 0;
    JS_FreeValue(ctx, value);
    return found ? (fn_slice){values->last.bytes, values->last.len} : (fn_slice){NULL, 0};
}

JSValue fn_url_pattern_text(JSContext *ctx, const fn_pattern *pattern, fn_part part,
                            JSValueConst groups) {
    group_values values = {.ctx = ctx, .map = JS_NewObjectProto(ctx, JS_NULL)};
    if (JS_IsException(values.map)) {
        return JS_EXCEPTION;
    }
    JSValue result = JS_EXCEPTION;
    if (fn_idl_record(ctx, groups, "URLPattern.generate: the groups", false, add_value, &values) ==
        0) {
        fn_slice text;
        if (fn_pattern_generate(pattern, part, value_of, &values, &text) == FN_PATTERN_DONE) {
            result = to_string(ctx, text);
            fn_pattern_text_free(text);
        } else if (!JS_HasException(ctx)) {
            JS_ThrowTypeError(ctx, "URLPattern.generate: the groups do not match the pattern");
        }
    }
    fn_text_free(ctx, &values.last);
    JS_FreeValue(ctx, values.map);
    return result;
}
