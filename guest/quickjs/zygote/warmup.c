/* Loads a built-in bundle and has it handle a request before there is a connection. The pages that
 * every start writes are then private to the worker already, and a cold start does not wait for
 * them. */
#include "zygote/zygote.h"

#include "core/check.h"
#include "invocation/invocation.h"

#define HEADER "accept"

/* Does what most handlers do, without resembling the benchmark's handlers: headers, a URL, strings,
 * an object, an await, JSON as text. Everything that it touches becomes private memory of every
 * worker, so it is small. */
static const char source[] =
    "const kinds = { text: 1, list: [2, 'b'] };\n"
    "export default async function handler(request) {\n"
    "  const { pathname } = new URL(request.url);\n"
    "  const accept = await request.headers.get('accept');\n"
    "  const body = JSON.stringify({ accept, ...kinds, length: pathname.length });\n"
    "  return new Response(`${body}\\n`, { headers: { 'content-type': 'text/plain' } });\n"
    "}\n";

static JSValue load(fn_worker *worker) {
    JSContext *ctx = worker->ctx;
    JSValue module = fn_bundle_compile(worker, source, sizeof(source) - 1);
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JS_FreeValue(ctx, JS_EvalFunction(ctx, module));
    JSValue exports = JS_GetModuleNamespace(ctx, definition);
    JSValue handler = JS_GetPropertyStr(ctx, exports, "default");
    JS_FreeValue(ctx, exports);
    return handler;
}

static JSValue make_request(JSContext *ctx) {
    static const char url[] = "http://localhost/a/b?c=d";
    fn_headers *headers = fn_headers_new();
    FN_CHECK(headers != NULL);
    FN_CHECK(fn_headers_append(headers, HEADER, sizeof(HEADER) - 1, (const uint8_t *)"*", 1) == 0);
    fn_request_init init = {.method = "GET",
                            .method_len = 3,
                            .url = url,
                            .url_len = sizeof(url) - 1,
                            .headers = headers,
                            .body_end = true};
    return fn_web_request_new(ctx, &init);
}

void fn_warm_up(fn_worker *worker) {
    JSContext *ctx = worker->ctx;
    JSValue handler = load(worker);
    JSValue request = make_request(ctx);
    JSValueConst args[] = {request};
    JSValue promise = JS_Call(ctx, handler, JS_UNDEFINED, 1, args);
    JSContext *job_ctx;
    while (JS_ExecutePendingJob(worker->rt, &job_ctx) > 0) {
        /* runs what the handler awaits */
    }
    JSValue response = JS_PromiseResult(ctx, promise);
    fn_response_view view;
    const char *why = NULL;
    /* The handler is fixed, so a failure is a bug of the worker. */
    FN_CHECK(fn_web_response_read(ctx, response, &view, &why) == 0);
    JS_FreeValue(ctx, view.body.hold);
    JS_FreeValue(ctx, view.body.stream_source);
    JS_FreeValue(ctx, response);
    JS_FreeValue(ctx, promise);
    JS_FreeValue(ctx, request);
    JS_FreeValue(ctx, handler);
    fn_budget_switch(worker, NULL);
    worker->load.cpu_ns = 0;
}
