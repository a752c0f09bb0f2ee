/* The module `fn:web`: C functions for the JS of the Web APIs. Bundles cannot import it. */
#include "web/builtin_exports.h"
#include "core/host.h"
#include "web/encoding/utf8.h"
#include "web/fetch/body.h"
#include "web/fetch/fetch.h"
#include "web/idl/buffer_source.h"
#include "web/idl/builtin_loader.h"
#include "web/idl/class_of.h"
#include "web/idl/error_text.h"
#include "web/idl/idl.h"
#include "web/idl/promises.h"
#include "web/idl/safe_array.h"
#include "web/idl/text.h"
#include "web/performance/performance.h"
#include "web/streams/compression.h"

#include <string.h>

#define ARG(i) (argc > (i) ? argv[i] : JS_UNDEFINED)

/* (object, slot): whether the object itself has this slot. */
static JSValue has_slot(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    JSAtom slot = JS_ValueToAtom(ctx, ARG(1));
    if (slot == JS_ATOM_NULL) {
        return JS_EXCEPTION;
    }
    bool has = JS_HasSlot(ARG(0), slot);
    JS_FreeAtom(ctx, slot);
    return JS_NewBool(ctx, has);
}

static JSValue class_of(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    return JS_NewAtomString(ctx, fn_class_of(ctx, ARG(0)));
}

/* (proxy): its target; null when the proxy was revoked. */
static JSValue proxy_target(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    JSValue target = JS_GetProxyTarget(ctx, ARG(0));
    if (JS_IsException(target)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        return JS_NULL;
    }
    return target;
}

static JSValue encode_utf8(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_text text;
    if (fn_text_usv(ctx, &text, ARG(0)) < 0) {
        return JS_EXCEPTION;
    }
    JSValue array = fn_uint8_array(ctx, (const uint8_t *)text.bytes, text.len);
    fn_text_free(ctx, &text);
    return array;
}

enum { DECODE_UTF8, DECODE_UTF8_BOM, DECODE_ISOMORPHIC };

static JSValue decode(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv,
                      int how) {
    (void)this_val;
    uint8_t *bytes;
    size_t len;
    if (fn_buffer_source(ctx, ARG(0), &bytes, &len) != 0) {
        return JS_ThrowTypeError(ctx, "not a BufferSource");
    }
    const uint8_t *from = len == 0 ? (const uint8_t *)"" : bytes;
    return how == DECODE_UTF8       ? fn_utf8_decode(ctx, from, len)
           : how == DECODE_UTF8_BOM ? fn_utf8_decode_bom(ctx, from, len)
                                    : fn_text_isomorphic(ctx, from, len);
}

/* A copy of a BufferSource as a Uint8Array; undefined for anything else. */
static JSValue copy_bytes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t *bytes;
    size_t len;
    int err = fn_buffer_source(ctx, ARG(0), &bytes, &len);
    return err < 0 ? JS_EXCEPTION : err > 0 ? JS_UNDEFINED : fn_uint8_array(ctx, bytes, len);
}

/* (bytes, needle, from): where the needle begins, or -1. */
static JSValue index_of(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t *bytes, *needle;
    size_t len, needle_len;
    uint64_t from;
    if (JS_ToIndex(ctx, &from, ARG(2)) < 0) {
        return JS_EXCEPTION;
    }
    if (fn_buffer_source(ctx, ARG(0), &bytes, &len) != 0 ||
        fn_buffer_source(ctx, ARG(1), &needle, &needle_len) != 0) {
        return JS_ThrowTypeError(ctx, "not a BufferSource");
    }
    if (from > len || needle_len == 0 || len == 0) {
        return JS_NewInt32(ctx, -1);
    }
    const uint8_t *found = memmem(bytes + from, len - from, needle, needle_len);
    return JS_NewInt64(ctx, found == NULL ? -1 : (int64_t)(found - bytes));
}

/* (as, bytes, type, frames): the value with which a method such as text() resolves. */
static JSValue package_body(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint8_t *bytes;
    size_t len;
    int32_t as;
    if (JS_ToInt32(ctx, &as, ARG(0)) < 0) {
        return JS_EXCEPTION;
    }
    if (fn_buffer_source(ctx, ARG(1), &bytes, &len) != 0) {
        return JS_ThrowTypeError(ctx, "not a BufferSource");
    }
    if (as != FN_AS_JSON) {
        return fn_body_package(ctx, (fn_body_as)as, len == 0 ? (const uint8_t *)"" : bytes, len,
                               ARG(2), ARG(3));
    }
    /* The JSON parser needs a NUL after the text. */
    char *text = js_strndup(ctx, len == 0 ? "" : (const char *)bytes, len);
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    JSValue value = fn_body_package(ctx, FN_AS_JSON, (const uint8_t *)text, len, ARG(2), ARG(3));
    js_free(ctx, text);
    return value;
}

/* Whether a typed array lies outside its buffer, which was detached or shrunk. */
static JSValue is_out_of_bounds(JSContext *ctx, JSValueConst this_val, int argc,
                                JSValueConst *argv) {
    (void)this_val;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, ARG(0), NULL, NULL, NULL);
    bool out = JS_IsException(buffer);
    if (out) {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, buffer);
    return JS_NewBool(ctx, out);
}

static JSValue detach(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    JS_DetachArrayBuffer(ctx, ARG(0));
    return JS_UNDEFINED;
}

/* (level, text): keeps lone surrogates, since a log shows what was there. */
static JSValue log_line(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    int32_t level;
    size_t len;
    if (JS_ToInt32(ctx, &level, ARG(0)) < 0) {
        return JS_EXCEPTION;
    }
    const char *text = JS_ToCStringLen(ctx, &len, ARG(1));
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    fn_host_log(ctx, (fn_log_level)level, text, len);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

/* { message, stack } of a thrown value; runs no code of a script. */
static JSValue error_text(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_error_text text;
    if (fn_web_error_text(ctx, ARG(0), &text) < 0) {
        return JS_EXCEPTION;
    }
    JSValue result = JS_NewObjectProto(ctx, JS_NULL);
    if (!JS_IsException(result) &&
        (JS_DefinePropertyValueStr(ctx, result, "message", JS_NewString(ctx, text.message),
                                   JS_PROP_C_W_E) < 0 ||
         (text.stack != NULL &&
          JS_DefinePropertyValueStr(ctx, result, "stack", JS_NewString(ctx, text.stack),
                                    JS_PROP_C_W_E) < 0))) {
        JS_FreeValue(ctx, result);
        result = JS_EXCEPTION;
    }
    js_free(ctx, text.message);
    js_free(ctx, text.stack);
    return result;
}

static JSValue report(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_host_report_error(ctx, ARG(0));
    return JS_UNDEFINED;
}

static JSValue now(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    (void)argv;
    return JS_NewFloat64(ctx, fn_performance_now());
}

static JSValue time_origin(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    (void)argv;
    return JS_NewFloat64(ctx, fn_performance_time_origin());
}

/* (file): the exports of a lazy module. */
static JSValue lazy(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    const char *file = JS_ToCString(ctx, ARG(0));
    JSModuleDef *module = file == NULL ? NULL : fn_builtin_load(ctx, file);
    JS_FreeCString(ctx, file);
    return module == NULL ? JS_EXCEPTION : JS_GetModuleNamespace(ctx, module);
}

/* 16 random hexadecimal digits. */
static JSValue random_id(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    (void)argv;
    uint64_t bits;
    char text[17];
    if (fn_host_random(&bits, sizeof(bits)) != 0) {
        return JS_ThrowInternalError(ctx, "cannot read random bytes from the system");
    }
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)bits);
    return JS_NewStringLen(ctx, text, 16);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("safeArrayPush", 1, fn_safe_array_push),
    JS_CFUNC_DEF("safeArraySlice", 1, fn_safe_array_slice),
    JS_CFUNC_DEF("safeArrayRemove", 3, fn_safe_array_remove),
    JS_CFUNC_DEF("then", 3, fn_promise_then),
    JS_CFUNC_DEF("promiseUpon", 3, fn_promise_upon),
    JS_CFUNC_DEF("promiseNew", 1, fn_promise_new),
    JS_CFUNC_DEF("promiseResolvedWith", 1, fn_promise_resolved_with),
    JS_CFUNC_DEF("promiseRejectedWith", 1, fn_promise_rejected_with),
    JS_CFUNC_DEF("hasSlot", 2, has_slot),
    JS_CFUNC_DEF("codecNew", 2, fn_codec_new),
    JS_CFUNC_DEF("codecStep", 3, fn_codec_step),
    JS_CFUNC_DEF("codecClose", 1, fn_codec_close),
    JS_CFUNC_DEF("markHandled", 1, fn_promise_mark_handled),
    JS_CFUNC_DEF("promiseResult", 1, fn_promise_result),
    JS_CFUNC_DEF("classOf", 1, class_of),
    JS_CFUNC_DEF("proxyTarget", 1, proxy_target),
    JS_CFUNC_DEF("encodeUtf8", 1, encode_utf8),
    JS_CFUNC_MAGIC_DEF("decodeUtf8", 1, decode, DECODE_UTF8),
    JS_CFUNC_MAGIC_DEF("decodeUtf8Bom", 1, decode, DECODE_UTF8_BOM),
    JS_CFUNC_MAGIC_DEF("decodeIsomorphic", 1, decode, DECODE_ISOMORPHIC),
    JS_CFUNC_DEF("copyBytes", 1, copy_bytes),
    JS_CFUNC_DEF("indexOfBytes", 3, index_of),
    JS_CFUNC_DEF("packageBody", 4, package_body),
    JS_CFUNC_DEF("isOutOfBounds", 1, is_out_of_bounds),
    JS_CFUNC_DEF("detach", 1, detach),
    JS_CFUNC_DEF("logLine", 2, log_line),
    JS_CFUNC_DEF("errorText", 1, error_text),
    JS_CFUNC_DEF("report", 1, report),
    JS_CFUNC_DEF("now", 0, now),
    JS_CFUNC_DEF("timeOrigin", 0, time_origin),
    JS_CFUNC_DEF("lazy", 1, lazy),
    JS_CFUNC_DEF("randomId", 0, random_id),
    JS_CFUNC_DEF("hostBodyRead", 1, fn_host_body_read),
    JS_CFUNC_DEF("hostBodyForward", 2, fn_host_body_forward),
    JS_CFUNC_DEF("hostBodyWait", 2, fn_host_body_wait),
    JS_CFUNC_DEF("hostBodyCancel", 1, fn_host_body_cancel),
    JS_CFUNC_DEF("fetchUrl", 1, fn_fetch_url),
    JS_CFUNC_DEF("fetchBody", 1, fn_fetch_body),
    JS_CFUNC_DEF("fetchSignal", 1, fn_fetch_signal),
    JS_CFUNC_DEF("fetchLocal", 3, fn_fetch_local),
    JS_CFUNC_DEF("fetchStart", 2, fn_fetch_start),
    JS_CFUNC_DEF("fetchCancel", 2, fn_fetch_cancel),
    JS_CFUNC_DEF("streamSourceChunk", 2, fn_stream_source_chunk),
    JS_CFUNC_DEF("streamSourceEnd", 1, fn_stream_source_end),
    JS_CFUNC_DEF("streamSourceError", 2, fn_stream_source_error),
};

static int fill_module(JSContext *ctx, JSModuleDef *module) {
    return JS_SetModuleExportList(ctx, module, functions, FN_COUNT(functions));
}

int fn_builtin_exports_init(JSContext *ctx) {
    JSModuleDef *module = JS_NewCModule(ctx, "fn:web", fill_module);
    return module == NULL ? -1
                          : JS_AddModuleExportList(ctx, module, functions, FN_COUNT(functions));
}
