/* The part of fetch that is written in C: https://fetch.spec.whatwg.org/#fetch-method
 * The host gets the request as it is; its response becomes a Response. */
#include "web/fetch/fetch.h"
#include "web/fetch/body.h"
#include "web/fetch/headers.h"
#include "web/fetch/host.h"
#include "web/fetch/request.h"
#include "web/fetch/response.h"
#include "web/idl/buffer_source.h"
#include "web/idl/text.h"

#include <string.h>

const fn_web_host *fn_fetch_host;

static fn_request *request_of(JSContext *ctx, int argc, JSValueConst *argv) {
    return argc < 1 ? NULL : JS_GetOpaque2(ctx, argv[0], fn_request_class);
}

JSValue fn_fetch_url(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_request *request = request_of(ctx, argc, argv);
    return request == NULL ? JS_EXCEPTION : JS_DupValue(ctx, request->url);
}

JSValue fn_fetch_body(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_request *request = request_of(ctx, argc, argv);
    return request == NULL ? JS_EXCEPTION : fn_body_stream(ctx, &request->body);
}

/* undefined when nothing can ever abort it. */
JSValue fn_fetch_signal(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_request *request = request_of(ctx, argc, argv);
    return request == NULL                   ? JS_EXCEPTION
           : JS_IsUndefined(request->signal) ? JS_UNDEFINED
                                             : JS_DupValue(ctx, request->signal);
}

static int append(JSContext *ctx, fn_headers *headers, const char *name, const char *value) {
    if (fn_headers_append(headers, name, strlen(name), (const uint8_t *)value, strlen(value)) !=
        0) {
        JS_ThrowOutOfMemory(ctx);
        return -1;
    }
    return 0;
}

/* Headers by which the cache mode controls caches on the path; the worker has no cache. */
static int add_cache_headers(JSContext *ctx, const fn_request *request) {
    static const char control[] = "cache-control";
    fn_headers *headers = request->headers;
    const char *mode = fn_request_enums[FN_ENUM_CACHE][request->enums[FN_ENUM_CACHE]];
    bool controlled = fn_headers_has(headers, control, sizeof(control) - 1);
    if (strcmp(mode, "no-cache") == 0) {
        return controlled ? 0 : append(ctx, headers, control, "max-age=0");
    }
    if (strcmp(mode, "no-store") != 0 && strcmp(mode, "reload") != 0) {
        return 0;
    }
    if (!fn_headers_has(headers, "pragma", 6) && append(ctx, headers, "pragma", "no-cache") < 0) {
        return -1;
    }
    return controlled ? 0 : append(ctx, headers, control, "no-cache");
}

static uint32_t start(JSContext *ctx, JSValueConst value, const fn_request *request,
                      fn_fetch_init *init, JSValueConst callback) {
    init->method = JS_ToCStringLen(ctx, &init->method_len, request->method);
    init->url = JS_ToCStringLen(ctx, &init->url_len, request->url);
    init->headers = request->headers;
    if (strcmp(fn_request_enums[FN_ENUM_CACHE][request->enums[FN_ENUM_CACHE]], "only-if-cached") ==
        0) {
        JS_ThrowTypeError(
            ctx, "fetch: the cache mode only-if-cached always fails, since there is no cache");
        JS_FreeCString(ctx, init->method);
        JS_FreeCString(ctx, init->url);
        return 0;
    }
    init->redirect = fn_request_enums[FN_ENUM_REDIRECT][request->enums[FN_ENUM_REDIRECT]];
    uint32_t number = 0;
    if (init->method != NULL && init->url != NULL && add_cache_headers(ctx, request) == 0 &&
        fn_body_take(ctx, (fn_body *)&request->body, value, &init->body) == 0) {
        number = fn_fetch_host->fetch(ctx, init, callback);
    }
    JS_FreeCString(ctx, init->method);
    JS_FreeCString(ctx, init->url);
    return number;
}

/* (request, callback): the number of the fetch. `callback` is called with (response) or (undefined,
 * error). */
JSValue fn_fetch_start(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_request *request = request_of(ctx, argc, argv);
    if (request == NULL) {
        return JS_EXCEPTION;
    }
    fn_fetch_init init = {0};
    uint32_t number = start(ctx, argv[0], request, &init, argc > 1 ? argv[1] : JS_UNDEFINED);
    return number == 0 ? JS_EXCEPTION : JS_NewUint32(ctx, number);
}

/* (number, reason) */
JSValue fn_fetch_cancel(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    uint32_t number;
    if (argc < 2 || JS_ToUint32(ctx, &number, argv[0]) < 0) {
        return JS_EXCEPTION;
    }
    fn_fetch_host->fetch_cancel(ctx, number, argv[1]);
    return JS_UNDEFINED;
}

/* 1 or 0, or -1 with an exception. */
static int is_head(JSContext *ctx, const fn_request *request) {
    const char *method = JS_ToCString(ctx, request->method);
    if (method == NULL) {
        return -1;
    }
    bool head = strcmp(method, "HEAD") == 0;
    JS_FreeCString(ctx, method);
    return head;
}

static int set_local(JSContext *ctx, fn_response *response, fn_request *request, JSValueConst type,
                     JSValueConst bytes) {
    fn_text text;
    uint8_t *data;
    size_t len;
    if (fn_text_bytes(ctx, &text, type) < 0) {
        return -1;
    }
    int err = fn_headers_default_type(ctx, response->headers, text.bytes, text.len);
    fn_text_free(ctx, &text);
    if (err < 0 || fn_buffer_source(ctx, bytes, &data, &len) != 0) {
        return -1;
    }
    response->guard = FN_GUARD_IMMUTABLE;
    response->type = FN_RESPONSE_BASIC;
    response->url = JS_DupValue(ctx, request->url);
    response->status_text = JS_NewString(ctx, "OK");
    if (JS_IsException(response->status_text)) {
        return -1;
    }
    int head = is_head(ctx, request);
    return head != 0 ? (head < 0 ? -1 : 0) : fn_body_set_bytes(ctx, &response->body, data, len);
}

/* (request, type, bytes): the Response to a URL that contains its own content; without the bytes
 * for HEAD. */
JSValue fn_fetch_local(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    fn_request *request = request_of(ctx, argc, argv);
    if (request == NULL || argc < 3) {
        return JS_EXCEPTION;
    }
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        return JS_EXCEPTION;
    }
    if (set_local(ctx, response, request, argv[1], argv[2]) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}

/* ---- for the host */

static int set_body(JSContext *ctx, fn_response *response, const fn_fetched *fetched,
                    JSValue *host_body) {
    if (fetched->no_body || fn_is_null_body_status(fetched->status)) {
        return 0;
    }
    if (fetched->complete) {
        return fn_body_set_bytes(ctx, &response->body, NULL, 0);
    }
    *host_body = fn_host_body_new(ctx, fetched->id);
    if (JS_IsException(*host_body)) {
        *host_body = JS_UNDEFINED;
        return -1;
    }
    response->body.source = FN_SOURCE_HOST;
    response->body.value = JS_DupValue(ctx, *host_body);
    return 0;
}

JSValue fn_web_response_new(JSContext *ctx, const fn_fetched *fetched, JSValue *host_body) {
    JSValue value = JS_NewObjectClass(ctx, fn_response_class);
    fn_response *response = fn_response_attach(ctx, value);
    if (response == NULL) {
        fn_headers_free(fetched->headers);
        return JS_EXCEPTION;
    }
    fn_headers_free(response->headers);
    response->headers = fetched->headers;
    response->status = fetched->status;
    response->guard = FN_GUARD_IMMUTABLE;
    response->type = FN_RESPONSE_BASIC;
    response->redirected = fetched->redirected;
    response->url = JS_NewStringLen(ctx, fetched->url, fetched->url_len);
    response->status_text = JS_NewStringLen(ctx, fetched->status_text, fetched->status_text_len);
    if (JS_IsException(response->url) || JS_IsException(response->status_text) ||
        set_body(ctx, response, fetched, host_body) < 0) {
        JS_FreeValue(ctx, value);
        return JS_EXCEPTION;
    }
    return value;
}
