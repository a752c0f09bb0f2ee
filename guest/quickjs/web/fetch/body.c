/* Bodies: their sources, and whether they can still be read. */
#include "web/fetch/body.h"
#include "web/encoding/utf8.h"
#include "web/fetch/fetch.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/idl/buffer_source.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/memory.h"
#include "web/idl/text.h"
#include "web/url/url.h"

#include <string.h>

/* Slots of a ReadableStream. The runtime owns them. */
static JSAtom slot_reader, slot_disturbed;

int fn_body_init(JSContext *ctx) {
    slot_reader = JS_NewSlot(ctx, "_reader");
    slot_disturbed = JS_NewSlot(ctx, "_disturbed");
    if (slot_reader == JS_ATOM_NULL || slot_disturbed == JS_ATOM_NULL) {
        return -1;
    }
    JS_FreeAtom(ctx, slot_reader);
    JS_FreeAtom(ctx, slot_disturbed);
    return 0;
}

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

/* Takes { bytes, stream, type }, which a hook made of a Blob, a FormData or a ReadableStream. */
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
    if (fn_is_params(init)) {
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
    JSValue reader = JS_GetSlot(ctx, stream, slot_reader);
    bool locked = !JS_IsUndefined(reader);
    JS_FreeValue(ctx, reader);
    return locked;
}

static bool is_disturbed(JSContext *ctx, JSValueConst stream) {
    JSValue disturbed = JS_GetSlot(ctx, stream, slot_disturbed);
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
        /* A string with lone surrogates is rare: its repaired copy replaces it. */
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

/* A stream of what is left, which is nothing when a method has already read the body. */
static JSValue make_stream(JSContext *ctx, fn_body *body) {
    if (body->source == FN_SOURCE_HOST && !body->used) {
        return fn_hook(ctx, "streamOfHostBody", 1, &body->value);
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

/* ---- the methods that read a body, and taking a body over */

JSValue fn_rejected(JSContext *ctx) {
    JSValue error = JS_GetException(ctx);
    if (JS_IsUncatchableError(error)) {
        return JS_Throw(ctx, error);
    }
    JSValue promise = JS_NewSettledPromise(ctx, true, error);
    JS_FreeValue(ctx, error);
    return promise;
}

static JSValue parse_json(JSContext *ctx, const uint8_t *bytes, size_t len) {
    if (len >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf) {
        bytes += 3;
        len -= 3;
    }
    if (fn_utf8_valid(bytes, len) == len) {
        return JS_ParseJSON(ctx, (const char *)bytes, len, "<body>");
    }
    size_t repaired_len;
    char *repaired = fn_utf8_repair(ctx, bytes, len, &repaired_len);
    if (repaired == NULL) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_ParseJSON(ctx, repaired, repaired_len, "<body>");
    js_free(ctx, repaired);
    return value;
}

static JSValue package(JSContext *ctx, fn_body_as as, const uint8_t *bytes, size_t len,
                       JSValueConst type) {
    switch (as) {
    case FN_AS_ARRAY_BUFFER:
        return fn_array_buffer(ctx, bytes, len);
    case FN_AS_BYTES:
        return fn_uint8_array(ctx, bytes, len);
    case FN_AS_TEXT:
        return fn_utf8_decode_bom(ctx, bytes, len);
    case FN_AS_JSON:
        return parse_json(ctx, bytes, len);
    default:
        break;
    }
    JSValue array = fn_uint8_array(ctx, bytes, len);
    if (JS_IsException(array)) {
        return array;
    }
    JSValueConst args[] = {array, type};
    JSValue made = fn_hook(ctx, as == FN_AS_BLOB ? "makeBlob" : "parseFormData", 2, args);
    JS_FreeValue(ctx, array);
    return made;
}

JSValue fn_body_package(JSContext *ctx, fn_body_as as, const uint8_t *bytes, size_t len,
                        JSValueConst type, JSValueConst frames) {
    JSValue value = package(ctx, as, bytes, len, type);
    if (JS_IsException(value)) {
        JSValue error = JS_GetException(ctx);
        if (JS_SetFrames(ctx, error, frames) < 0) {
            JS_FreeValue(ctx, JS_GetException(ctx));
        }
        return JS_Throw(ctx, error);
    }
    return value;
}

/* The value of content-type, which only blob() and formData() need. */
static JSValue content_type(JSContext *ctx, fn_body_as as, fn_headers *headers) {
    if (as != FN_AS_BLOB && as != FN_AS_FORM_DATA) {
        return JS_NULL;
    }
    size_t len;
    uint8_t *value = fn_headers_combined(headers, "content-type", 12, &len);
    if (value == NULL) {
        return len == SIZE_MAX ? JS_ThrowOutOfMemory(ctx) : JS_NULL;
    }
    JSValue string = fn_text_isomorphic(ctx, value, len);
    fn_free(value);
    return string;
}

static JSValue read_now(JSContext *ctx, fn_body *body, fn_body_as as, JSValueConst type) {
    const uint8_t *bytes = (const uint8_t *)"";
    size_t len = 0;
    if (body->source != FN_SOURCE_NULL) {
        body->used = true;
        if (fn_body_view_bytes(ctx, body, &bytes, &len) < 0) {
            return fn_rejected(ctx);
        }
    }
    /* The caller's frames are on the stack. */
    JSValue value = fn_body_package(ctx, as, bytes, len, type, JS_UNDEFINED);
    if (JS_IsException(value)) {
        return fn_rejected(ctx);
    }
    JSValue promise = JS_NewSettledPromise(ctx, false, value);
    JS_FreeValue(ctx, value);
    return promise;
}

/* Of the code that reads a body which is not complete: none of it runs when the body ends. */
static JSValue capture_frames(JSContext *ctx) {
    JSValue frames = JS_CaptureFrames(ctx);
    if (JS_IsException(frames)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        return JS_UNDEFINED;
    }
    return frames;
}

JSValue fn_body_consume(JSContext *ctx, fn_body *body, fn_body_as as, fn_headers *headers) {
    if (fn_body_unusable(ctx, body)) {
        JS_ThrowTypeError(ctx, "the body was already read, or its stream is locked");
        return fn_rejected(ctx);
    }
    JSValue type = content_type(ctx, as, headers);
    if (JS_IsException(type)) {
        return fn_rejected(ctx);
    }
    JSValue promise, frames = JS_UNDEFINED;
    if (!JS_IsUndefined(body->stream)) {
        JSValue how = JS_NewInt32(ctx, as);
        frames = capture_frames(ctx);
        JSValueConst args[] = {body->stream, how, type, frames};
        promise = fn_hook(ctx, "consumeStream", 4, args);
    } else if (body->source == FN_SOURCE_HOST) {
        body->used = true;
        frames = capture_frames(ctx);
        promise = fn_host_body_consume(ctx, body->value, as, type, frames);
    } else {
        promise = read_now(ctx, body, as, type);
    }
    JS_FreeValue(ctx, frames);
    JS_FreeValue(ctx, type);
    return JS_IsException(promise) ? fn_rejected(ctx) : promise;
}

int fn_body_take(JSContext *ctx, fn_body *body, JSValueConst owner, fn_body_view *view) {
    *view = (fn_body_view){.hold = JS_UNDEFINED, .stream_source = JS_UNDEFINED};
    if (body->source == FN_SOURCE_NULL) {
        return 0;
    }
    if (body->source == FN_SOURCE_HOST || !JS_IsUndefined(body->stream)) {
        JSValue stream = fn_body_stream(ctx, body);
        JSValue stream_source =
            JS_IsException(stream) ? JS_EXCEPTION : fn_stream_source_new(ctx, stream);
        JS_FreeValue(ctx, stream);
        if (JS_IsException(stream_source)) {
            return -1;
        }
        view->kind = FN_BODY_STREAM;
        view->stream_source = stream_source;
    } else {
        if (fn_body_view_bytes(ctx, body, &view->bytes, &view->len) < 0) {
            return -1;
        }
        view->kind = FN_BODY_BYTES;
        view->hold = JS_DupValue(ctx, owner);
    }
    body->used = true;
    return 0;
}

static int split(JSContext *ctx, fn_body *from, fn_body *to) {
    JSValue stream = fn_body_stream(ctx, from);
    JSValue pair = JS_IsException(stream) ? JS_EXCEPTION : fn_hook(ctx, "teeStream", 1, &stream);
    JS_FreeValue(ctx, stream);
    if (JS_IsException(pair)) {
        return -1;
    }
    JSValue left = JS_GetPropertyUint32(ctx, pair, 0);
    JSValue right = JS_GetPropertyUint32(ctx, pair, 1);
    JS_FreeValue(ctx, pair);
    if (JS_IsException(left) || JS_IsException(right)) {
        JS_FreeValue(ctx, left);
        JS_FreeValue(ctx, right);
        return -1;
    }
    fn_body_free(JS_GetRuntime(ctx), from);
    from->source = to->source = FN_SOURCE_STREAM;
    from->stream = left;
    to->stream = right;
    return 0;
}

/* Text and bytes never change, so two bodies can share them. */
static void share(JSContext *ctx, const fn_body *from, fn_body *to) {
    to->source = from->source;
    to->value = JS_DupValue(ctx, from->value);
    to->bytes = from->bytes;
    if (to->bytes != NULL) {
        to->bytes->references++;
    }
}

int fn_body_clone(JSContext *ctx, fn_body *from, fn_body *to) {
    *to = FN_BODY_INIT;
    if (from->source == FN_SOURCE_HOST || !JS_IsUndefined(from->stream)) {
        return split(ctx, from, to);
    }
    share(ctx, from, to);
    return 0;
}

int fn_body_move(JSContext *ctx, fn_body *from, fn_body *to) {
    *to = FN_BODY_INIT;
    if (JS_IsUndefined(from->stream)) {
        share(ctx, from, to);
        from->used = from->source != FN_SOURCE_NULL;
        return 0;
    }
    JSValue stream = fn_hook(ctx, "proxyStream", 1, &from->stream);
    if (JS_IsException(stream)) {
        return -1;
    }
    to->source = FN_SOURCE_STREAM;
    to->stream = stream;
    return 0;
}
