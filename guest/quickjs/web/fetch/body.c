/* Bodies: what they are made of, and whether they can still be read. */
#include "web/fetch/body.h"

#include <string.h>

static void free_bytes(JSRuntime *rt, fn_bytes *bytes) {
    if (bytes != NULL && --bytes->references == 0) {
        js_free_rt(rt, bytes);
    }
}

void fn_body_free(JSRuntime *rt, fn_body *body) {
    if (body->cstring != NULL) {
        JS_FreeCStringRT(rt, body->cstring);
    }
    free_bytes(rt, body->bytes);
    JS_FreeValueRT(rt, body->value);
    JS_FreeValueRT(rt, body->stream);
    *body = FN_BODY_INIT;
}

void fn_body_mark(JSRuntime *rt, const fn_body *body, JS_MarkFunc *mark_func) {
    JS_MarkValue(rt, body->value, mark_func);
    JS_MarkValue(rt, body->stream, mark_func);
}

int fn_body_set_bytes(JSContext *ctx, fn_body *body, const uint8_t *bytes, size_t len) {
    if (len > SIZE_MAX - sizeof(fn_bytes) - 1) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    fn_bytes *copy = js_malloc(ctx, sizeof(*copy) + len + 1);
    if (copy == NULL) {
        return -1;
    }
    copy->references = 1;
    copy->len = len;
    if (len > 0) {
        memcpy(copy->data, bytes, len);
    }
    copy->data[len] = '\0';
    body->source = FN_SOURCE_BYTES;
    body->bytes = copy;
    return 0;
}

/* What a hook made of a Blob, a FormData or a ReadableStream: { bytes, stream, type }. */
static int take_extracted(JSContext *ctx, JSValueConst made, fn_body *body, fn_body_type *type) {
    JSValue stream = JS_GetPropertyStr(ctx, made, "stream");
    JSValue bytes = JS_GetPropertyStr(ctx, made, "bytes");
    type->value = JS_GetPropertyStr(ctx, made, "type");
    int err = JS_IsException(stream) || JS_IsException(bytes) || JS_IsException(type->value);
    if (err == 0 && JS_IsObject(stream)) {
        body->source = FN_SOURCE_STREAM;
        body->stream = JS_DupValue(ctx, stream);
    } else if (err == 0) {
        uint8_t *data;
        size_t len;
        fn_buffer_source(ctx, bytes, &data, &len);
        err = fn_body_set_bytes(ctx, body, data, len) != 0;
    }
    JS_FreeValue(ctx, stream);
    JS_FreeValue(ctx, bytes);
    return err ? -1 : 0;
}

static int extract_text(JSContext *ctx, JSValueConst init, fn_body *body, fn_body_type *type) {
    JSValue string = JS_ToString(ctx, init);
    if (JS_IsException(string)) {
        return -1;
    }
    body->source = FN_SOURCE_TEXT;
    body->value = string;
    type->text = "text/plain;charset=UTF-8";
    return 0;
}

static int extract_object(JSContext *ctx, JSValueConst init, fn_body *body, fn_body_type *type) {
    uint8_t *data;
    size_t len;
    if (fn_buffer_source(ctx, init, &data, &len) == 0) {
        return fn_body_set_bytes(ctx, body, data, len);
    }
    if (JS_GetClassID(init) == fn_web.params) {
        JSValue query = fn_params_text(ctx, init);
        int err = JS_IsException(query) ? -1 : extract_text(ctx, query, body, type);
        JS_FreeValue(ctx, query);
        type->text = "application/x-www-form-urlencoded;charset=UTF-8";
        return err;
    }
    JSValue made = fn_hook(ctx, "extractBody", 1, &init);
    if (JS_IsException(made)) {
        return -1;
    }
    int err = JS_IsObject(made) ? take_extracted(ctx, made, body, type)
                                : extract_text(ctx, init, body, type);
    JS_FreeValue(ctx, made);
    return err;
}

int fn_body_extract(JSContext *ctx, JSValueConst init, fn_body *body, fn_body_type *type) {
    *body = FN_BODY_INIT;
    *type = (fn_body_type){NULL, JS_UNDEFINED};
    if (JS_IsNull(init) || JS_IsUndefined(init)) {
        return 0;
    }
    return JS_IsObject(init) ? extract_object(ctx, init, body, type)
                             : extract_text(ctx, init, body, type);
}

int fn_body_set_type(JSContext *ctx, fn_headers *list, const fn_body_type *type) {
    if (type->text != NULL) {
        return fn_headers_default_type(ctx, list, type->text, strlen(type->text));
    }
    if (!JS_IsString(type->value)) {
        return 0;
    }
    fn_text text;
    if (fn_text_usv(ctx, &text, type->value) < 0) {
        return -1;
    }
    int err = text.len > 0 ? fn_headers_default_type(ctx, list, text.bytes, text.len) : 0;
    fn_text_free(ctx, &text);
    return err;
}

static bool is_locked(JSContext *ctx, JSValueConst stream) {
    JSValue reader = JS_GetSlot(ctx, stream, fn_web.slot_reader);
    bool locked = !JS_IsUndefined(reader);
    JS_FreeValue(ctx, reader);
    return locked;
}

static bool is_disturbed(JSContext *ctx, JSValueConst stream) {
    JSValue disturbed = JS_GetSlot(ctx, stream, fn_web.slot_disturbed);
    return JS_IsBool(disturbed) && JS_ToBool(ctx, disturbed) > 0;
}

bool fn_body_used(JSContext *ctx, const fn_body *body) {
    return body->used || (JS_IsObject(body->stream) && is_disturbed(ctx, body->stream));
}

bool fn_body_unusable(JSContext *ctx, const fn_body *body) {
    return fn_body_used(ctx, body) || (JS_IsObject(body->stream) && is_locked(ctx, body->stream));
}

int fn_body_view_bytes(JSContext *ctx, fn_body *body, const uint8_t **bytes, size_t *len) {
    if (body->source == FN_SOURCE_TEXT) {
        fn_text text;
        if (fn_text_usv(ctx, &text, body->value) < 0) {
            return -1;
        }
        /* A string with lone surrogates is rare: its mended copy takes its place. */
        int err = text.owned == NULL
                      ? 0
                      : fn_body_set_bytes(ctx, body, (const uint8_t *)text.bytes, text.len);
        if (text.owned != NULL) {
            fn_text_free(ctx, &text);
            if (err < 0) {
                return -1;
            }
        } else {
            if (body->cstring != NULL) {
                JS_FreeCString(ctx, body->cstring);
            }
            body->cstring = text.cstring;
            *bytes = (const uint8_t *)text.bytes;
            *len = text.len;
            return 0;
        }
    }
    *bytes = body->bytes->data;
    *len = body->bytes->len;
    return 0;
}

/* A stream of what is left: nothing, where the body was read natively before. */
static JSValue make_stream(JSContext *ctx, fn_body *body) {
    if (body->source == FN_SOURCE_FEED && !body->used) {
        return fn_hook(ctx, "streamOfFeed", 1, &body->value);
    }
    const uint8_t *bytes = NULL;
    size_t len = 0;
    if (!body->used && fn_body_view_bytes(ctx, body, &bytes, &len) < 0) {
        return JS_EXCEPTION;
    }
    JSValue array = fn_uint8_array(ctx, bytes, len);
    if (JS_IsException(array)) {
        return array;
    }
    JSValue stream = fn_hook(ctx, body->used ? "usedStream" : "streamOfBytes", 1, &array);
    JS_FreeValue(ctx, array);
    return stream;
}

JSValue fn_body_stream(JSContext *ctx, fn_body *body) {
    if (body->source == FN_SOURCE_NULL) {
        return JS_NULL;
    }
    if (JS_IsUndefined(body->stream)) {
        JSValue stream = make_stream(ctx, body);
        if (JS_IsException(stream)) {
            return stream;
        }
        body->stream = stream;
    }
    return JS_DupValue(ctx, body->stream);
}
