/* The URLPattern interface: https://urlpattern.spec.whatwg.org/#urlpattern-class */
#include "web/idl/idl.h"
#include "web/url/url.h"
#include "web/url/url_pattern_input.h"
#include "web/url/url_pattern_match.h"
#include "web/url/url_pattern_result.h"
#include "web/url/url_pattern_types.h"

#include <string.h>

static JSClassID class_id;

static void finalize(JSRuntime *rt, JSValueConst value) {
    (void)rt;
    fn_pattern_free(JS_GetOpaque(value, class_id));
}

static fn_pattern *this_pattern(JSContext *ctx, JSValueConst value) {
    return JS_GetOpaque2(ctx, value, class_id);
}

static JSValue to_string(JSContext *ctx, fn_slice text) {
    return JS_NewStringLen(ctx, text.bytes, text.len);
}

static JSValue throw_stopped(JSContext *ctx) {
    JS_ThrowInternalError(ctx, "interrupted");
    JSValue error = JS_GetException(ctx);
    JS_SetUncatchableError(ctx, error);
    JS_RequestInterrupt(ctx);
    return JS_Throw(ctx, error);
}

static JSValue throw_status(JSContext *ctx, fn_pattern_status status, const char *what) {
    switch (status) {
    case FN_PATTERN_STOPPED:
        return throw_stopped(ctx);
    case FN_PATTERN_MEMORY:
        return JS_ThrowInternalError(ctx, "out of memory in regexp execution");
    default:
        return JS_ThrowTypeError(ctx, "URLPattern: %s", what);
    }
}

/* (input, baseURL, options) or (input, options): whether there is a base URL. */
static bool has_base(int argc, JSValueConst *argv) {
    return argc > 2 ||
           (argc > 1 && !JS_IsUndefined(argv[1]) && !JS_IsNull(argv[1]) && !JS_IsObject(argv[1]));
}

static int read_ignore_case(JSContext *ctx, JSValueConst options, bool *ignore_case) {
    *ignore_case = false;
    if (JS_IsUndefined(options) || JS_IsNull(options)) {
        return 0;
    }
    if (!JS_IsObject(options)) {
        JS_ThrowTypeError(ctx, "URLPattern: the options are not an object");
        return -1;
    }
    JSValue value = JS_GetPropertyStr(ctx, options, "ignoreCase");
    if (JS_IsException(value)) {
        return -1;
    }
    *ignore_case = JS_ToBool(ctx, value) > 0;
    JS_FreeValue(ctx, value);
    return 0;
}

static fn_pattern_status parse(JSContext *ctx, const fn_url_input *input, bool ignore_case,
                               fn_pattern **pattern) {
    return fn_pattern_new(ctx, &input->input, input->has_base ? &input->base : NULL, ignore_case,
                          pattern);
}

static JSValue construct(JSContext *ctx, JSValueConst new_target, int argc, JSValueConst *argv) {
    bool base = has_base(argc, argv);
    JSValueConst options =
        base ? (argc > 2 ? argv[2] : JS_UNDEFINED) : (argc > 1 ? argv[1] : JS_UNDEFINED);
    fn_url_input input;
    bool ignore_case;
    if (fn_url_input_read(ctx, &input, argc > 0 ? argv[0] : JS_UNDEFINED,
                          base ? argv[1] : JS_UNDEFINED, base) < 0) {
        return JS_EXCEPTION;
    }
    if (read_ignore_case(ctx, options, &ignore_case) < 0) {
        fn_url_input_free(ctx, &input);
        return JS_EXCEPTION;
    }
    fn_pattern *pattern = NULL;
    if (input.size > FN_PATTERN_MAX) {
        fn_url_input_free(ctx, &input);
        return JS_ThrowTypeError(ctx, "URLPattern: the pattern is longer than %d bytes",
                                 FN_PATTERN_MAX);
    }
    fn_pattern_status status = parse(ctx, &input, ignore_case, &pattern);
    fn_url_input_free(ctx, &input);
    if (status != FN_PATTERN_DONE) {
        return throw_status(ctx, status, "the pattern is not valid");
    }
    JSValue object = fn_idl_create(ctx, new_target, class_id);
    if (JS_IsException(object)) {
        fn_pattern_free(pattern);
        return object;
    }
    JS_SetOpaque(object, pattern);
    return object;
}

static JSValue get_part(JSContext *ctx, JSValueConst this_val, int part) {
    fn_pattern *pattern = this_pattern(ctx, this_val);
    return pattern == NULL ? JS_EXCEPTION : to_string(ctx, fn_pattern_part(pattern, (fn_part)part));
}

static JSValue get_has_groups(JSContext *ctx, JSValueConst this_val) {
    fn_pattern *pattern = this_pattern(ctx, this_val);
    return pattern == NULL ? JS_EXCEPTION : JS_NewBool(ctx, fn_pattern_has_regexp_groups(pattern));
}

/* Reads the arguments of test and exec. This may run any script, but no script can remove the
 * pattern from its object. */
static int read_arguments(JSContext *ctx, int argc, JSValueConst *argv, fn_url_input *input) {
    bool base = argc > 1 && !JS_IsUndefined(argv[1]);
    return fn_url_input_read(ctx, input, argc > 0 ? argv[0] : JS_UNDEFINED,
                             base ? argv[1] : JS_UNDEFINED, base);
}

static JSValue test(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    fn_pattern *pattern = this_pattern(ctx, this_val);
    fn_url_input input;
    if (pattern == NULL || read_arguments(ctx, argc, argv, &input) < 0) {
        return JS_EXCEPTION;
    }
    fn_pattern_status status =
        fn_pattern_test(ctx, pattern, &input.input, input.has_base ? &input.base : NULL);
    fn_url_input_free(ctx, &input);
    return status == FN_PATTERN_DONE       ? JS_TRUE
           : status == FN_PATTERN_NO_MATCH ? JS_FALSE
                                           : throw_status(ctx, status, "the input is not valid");
}

static JSValue exec(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    fn_pattern *pattern = this_pattern(ctx, this_val);
    fn_url_input input;
    if (pattern == NULL || read_arguments(ctx, argc, argv, &input) < 0) {
        return JS_EXCEPTION;
    }
    fn_pattern_match *match;
    fn_pattern_status status =
        fn_pattern_exec(ctx, pattern, &input.input, input.has_base ? &input.base : NULL, &match);
    JSValue result = status == FN_PATTERN_NO_MATCH ? JS_NULL
                     : status != FN_PATTERN_DONE
                         ? throw_status(ctx, status, "the input is not valid")
                         : fn_url_pattern_result(ctx, match, &input);
    if (status == FN_PATTERN_DONE) {
        fn_pattern_match_free(match);
    }
    fn_url_input_free(ctx, &input);
    return result;
}

/* A value of the enumeration URLPatternComponent, or -1 with an exception. */
static int to_part(JSContext *ctx, JSValueConst value) {
    const char *text = JS_ToCString(ctx, value);
    if (text == NULL) {
        return -1;
    }
    int part = 0;
    while (part < FN_PART_COUNT && strcmp(text, fn_url_input_names[part]) != 0) {
        part++;
    }
    if (part == FN_PART_COUNT) {
        JS_ThrowTypeError(ctx, "URLPattern: '%s' is not a component", text);
        part = -1;
    }
    JS_FreeCString(ctx, text);
    return part;
}

static JSValue compare_component(JSContext *ctx, JSValueConst this_val, int argc,
                                 JSValueConst *argv) {
    (void)this_val;
    if (fn_idl_need(ctx, "URLPattern.compareComponent", argc, 3) < 0) {
        return JS_EXCEPTION;
    }
    int part = to_part(ctx, argv[0]);
    fn_pattern *left = part < 0 ? NULL : this_pattern(ctx, argv[1]);
    fn_pattern *right = left == NULL ? NULL : this_pattern(ctx, argv[2]);
    return right == NULL ? JS_EXCEPTION
                         : JS_NewInt32(ctx, fn_pattern_compare(left, right, (fn_part)part));
}

static JSValue generate(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    fn_pattern *pattern = this_pattern(ctx, this_val);
    if (pattern == NULL || fn_idl_need(ctx, "URLPattern.generate", argc, 2) < 0) {
        return JS_EXCEPTION;
    }
    int part = to_part(ctx, argv[0]);
    return part < 0 ? JS_EXCEPTION : fn_url_pattern_text(ctx, pattern, (fn_part)part, argv[1]);
}

static const JSCFunctionListEntry members[] = {
    FN_GETTER_MAGIC("protocol", get_part, FN_PART_PROTOCOL),
    FN_GETTER_MAGIC("username", get_part, FN_PART_USERNAME),
    FN_GETTER_MAGIC("password", get_part, FN_PART_PASSWORD),
    FN_GETTER_MAGIC("hostname", get_part, FN_PART_HOSTNAME),
    FN_GETTER_MAGIC("port", get_part, FN_PART_PORT),
    FN_GETTER_MAGIC("pathname", get_part, FN_PART_PATHNAME),
    FN_GETTER_MAGIC("search", get_part, FN_PART_SEARCH),
    FN_GETTER_MAGIC("hash", get_part, FN_PART_HASH),
    FN_GETTER("hasRegExpGroups", get_has_groups),
    FN_METHOD("test", 0, test),
    FN_METHOD("exec", 0, exec),
    FN_METHOD("generate", 2, generate),
    FN_TAG("URLPattern"),
};

static const JSCFunctionListEntry statics[] = {
    FN_METHOD("compareComponent", 3, compare_component),
};

JSValue fn_url_pattern_make(JSContext *ctx) {
    static const fn_interface interface = {
        .id = &class_id,
        .class_def = {"URLPattern", .finalizer = finalize},
        .constructor = construct,
        .members = members,
        .member_count = FN_COUNT(members),
        .statics = statics,
        .static_count = FN_COUNT(statics),
    };
    return fn_idl_make(ctx, &interface);
}
