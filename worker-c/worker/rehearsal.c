/* Loads a built-in bundle and lets it answer a request before there is a connection. The pages that
 * every start writes are then already the process's own, and a cold start does not wait for them.
 */
#include "worker.h"

#include "check.h"

#define HEADER "content-type"
#define HEADER_VALUE "text/plain;charset=utf-8"

/* What most handlers touch: a module's table, a header, the URL, a Map, a regular expression, array
 * methods, an await, and a response with a header. It is unlike the handlers of the benchmark, so
 * that a measured cold start is that of a function which nothing was prepared for. */
static const char source[] =
    "const steps = [['cut', 3], ['fold', 5], ['glue', 8]];\n"
    "const minutes = new Map(steps);\n"
    "class Plan {\n"
    "  lines = [];\n"
    "  add(step) {\n"
    "    if (minutes.has(step)) this.lines.push(`${step} ${minutes.get(step)}`);\n"
    "    return this;\n"
    "  }\n"
    "}\n"
    "const words = async (path) => path.match(/[a-z]+/g) ?? [];\n"
    "export default async (request) => {\n"
    "  const { pathname, search } = new URL(request.url);\n"
    "  const plan = new Plan();\n"
    "  for (const step of await words(pathname)) plan.add(step);\n"
    "  const headers = new Headers({ 'x-steps': String(plan.lines.length) });\n"
    "  const kind = request.headers.get('content-type')?.split(';')[0];\n"
    "  const body = JSON.stringify({ kind, search, lines: plan.lines.map((line) => line.trim()) "
    "});\n"
    "  return new Response(body, { headers, status: request.method === 'PUT' ? 201 : 404 });\n"
    "};\n";

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
    static const char url[] = "http://localhost/cut/fold?size=2";
    fn_headers *headers = fn_headers_new();
    FN_CHECK(headers != NULL);
    FN_CHECK(fn_headers_append(headers, HEADER, sizeof(HEADER) - 1, (const uint8_t *)HEADER_VALUE,
                               sizeof(HEADER_VALUE) - 1) == 0);
    fn_request_init init = {.method = "PUT",
                            .method_len = 3,
                            .url = url,
                            .url_len = sizeof(url) - 1,
                            .headers = headers,
                            .body_end = true};
    return fn_web_request_new(ctx, &init);
}

void fn_rehearse(fn_worker *worker) {
    JSContext *ctx = worker->ctx;
    JSValue handler = load(worker);
    JSValue request = make_request(ctx);
    JSValueConst args[] = {request};
    JSValue promise = JS_Call(ctx, handler, JS_UNDEFINED, 1, args);
    JSContext *job_ctx;
    while (JS_ExecutePendingJob(worker->rt, &job_ctx) > 0) {
        /* Jobs that the handler awaits. */
    }
    JSValue response = JS_PromiseResult(ctx, promise);
    fn_response_view view;
    const char *why = NULL;
    /* The handler is built in, so any other result is a bug of the worker. */
    FN_CHECK(fn_web_response_read(ctx, response, &view, &why) == 0);
    JS_FreeValue(ctx, view.body.hold);
    JS_FreeValue(ctx, view.body.pump);
    JS_FreeValue(ctx, response);
    JS_FreeValue(ctx, promise);
    JS_FreeValue(ctx, request);
    JS_FreeValue(ctx, handler);
    fn_budget_switch(worker, NULL);
    worker->load.cpu_ns = 0;
}
