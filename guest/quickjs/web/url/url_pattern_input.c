/* A URLPatternInput and a base URL, read from the arguments of a script's call. */
#include "web/url/url_pattern_input.h"
#include "web/idl/text.h"
#include "web/url/url_pattern_types.h"

const char *const fn_url_input_names[FN_PART_INPUTS + 1] = {
    [FN_PART_PROTOCOL] = "protocol", [FN_PART_USERNAME] = "username",
    [FN_PART_PASSWORD] = "password", [FN_PART_HOSTNAME] = "hostname",
    [FN_PART_PORT] = "port",         [FN_PART_PATHNAME] = "pathname",
    [FN_PART_SEARCH] = "search",     [FN_PART_HASH] = "hash",
    [FN_PART_BASE_URL] = "baseURL",  [FN_PART_INPUTS] = "inputs",
};

const int fn_url_input_order[FN_PART_INPUTS + 1] = {
    FN_PART_BASE_URL, FN_PART_HASH, FN_PART_HOSTNAME, FN_PART_INPUTS, FN_PART_PASSWORD,
    FN_PART_PATHNAME, FN_PART_PORT, FN_PART_PROTOCOL, FN_PART_SEARCH, FN_PART_USERNAME,
};

static int take_text(JSContext *ctx, fn_url_input *input, fn_text *text, JSValueConst value,
                     fn_slice *slice) {
    if (fn_text_usv(ctx, text, value) < 0) {
        return -1;
    }
    *slice = (fn_slice){text->bytes, text->len};
    input->size += text->len;
    return 0;
}

static int read_members(JSContext *ctx, fn_url_input *input, JSValueConst init) {
    for (int i = 0; i < FN_PART_INPUTS + 1; i++) {
        int member = fn_url_input_order[i];
        if (member == FN_PART_INPUTS) {
            continue;
        }
        JSValue value = JS_GetPropertyStr(ctx, init, fn_url_input_names[member]);
        int err = JS_IsException(value)   ? -1
                  : JS_IsUndefined(value) ? 0
                                          : take_text(ctx, input, &input->texts[member], value,
                                                      &input->input.parts[member]);
        JS_FreeValue(ctx, value);
        if (err < 0) {
            return -1;
        }
    }
    return 0;
}

int fn_url_input_read(JSContext *ctx, fn_url_input *input, JSValueConst value, JSValueConst base,
                      bool has_base) {
    *input = (fn_url_input){.has_base = has_base};
    int err = 0;
    if (JS_IsObject(value)) {
        err = read_members(ctx, input, value);
    } else if (!JS_IsUndefined(value) && !JS_IsNull(value)) {
        err = take_text(ctx, input, &input->texts[0], value, &input->input.text);
    }
    if (err == 0 && has_base) {
        err = take_text(ctx, input, &input->base_text, base, &input->base);
    }
    if (err < 0) {
        fn_url_input_free(ctx, input);
    }
    return err;
}

void fn_url_input_free(JSContext *ctx, fn_url_input *input) {
    for (int i = 0; i < FN_PART_INPUTS; i++) {
        fn_text_free(ctx, &input->texts[i]);
    }
    fn_text_free(ctx, &input->base_text);
}

static JSValue to_string(JSContext *ctx, fn_slice text) {
    return JS_NewStringLen(ctx, text.bytes, text.len);
}

static JSValue init_object(JSContext *ctx, const fn_pattern_input *input) {
    JSValue object = JS_NewObject(ctx);
    if (JS_IsException(object)) {
        return object;
    }
    for (int i = 0; i < FN_PART_INPUTS + 1; i++) {
        int member = fn_url_input_order[i];
        if (member == FN_PART_INPUTS || input->parts[member].bytes == NULL) {
            continue;
        }
        JSValue value = to_string(ctx, input->parts[member]);
        if (JS_IsException(value) ||
            JS_DefinePropertyValueStr(ctx, object, fn_url_input_names[member], value,
                                      JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, object);
            return JS_EXCEPTION;
        }
    }
    return object;
}

JSValue fn_url_input_list(JSContext *ctx, const fn_url_input *input) {
    const fn_pattern_input *first = &input->input;
    JSValue values[2] = {
        first->text.bytes != NULL ? to_string(ctx, first->text) : init_object(ctx, first),
        input->has_base ? to_string(ctx, input->base) : JS_UNDEFINED,
    };
    if (JS_IsException(values[0]) || JS_IsException(values[1])) {
        JS_FreeValue(ctx, values[0]);
        JS_FreeValue(ctx, values[1]);
        return JS_EXCEPTION;
    }
    return JS_NewArrayFrom(ctx, input->has_base ? 2 : 1, values);
}
