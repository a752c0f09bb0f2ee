/* `fn:dns`: asks the host for the addresses of a name. It is a fetch of the URL `dns:<name>`, so
 * that the rules, the quotas and the end of a fetch hold for it. */
#include "node/node.h"
#include "web/fetch/fetch.h"

#include <string.h>

#define MAX_NAME 253 /* RFC 1035 */

/* (name, callback): the callback gets a Response whose headers `address` are the addresses, or
 * undefined and an error. */
static JSValue look_up(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv) {
    (void)this_val;
    (void)argc;
    static const char scheme[] = "dns:";
    char url[sizeof(scheme) + MAX_NAME];
    size_t len;
    const char *name = JS_ToCStringLen(ctx, &len, argv[0]);
    if (name == NULL) {
        return JS_EXCEPTION;
    }
    if (len == 0 || len > MAX_NAME) {
        JS_FreeCString(ctx, name);
        return JS_ThrowRangeError(ctx, "dns: a name has 1 to %d bytes", MAX_NAME);
    }
    memcpy(url, scheme, sizeof(scheme) - 1);
    memcpy(url + sizeof(scheme) - 1, name, len);
    JS_FreeCString(ctx, name);
    fn_headers *headers = fn_headers_new();
    if (headers == NULL) {
        return JS_ThrowOutOfMemory(ctx);
    }
    fn_fetch_init init = {
        .method = "GET",
        .method_len = 3,
        .url = url,
        .url_len = sizeof(scheme) - 1 + len,
        .redirect = "error",
        .headers = headers,
        .body = {.kind = FN_BODY_NONE, .hold = JS_UNDEFINED, .stream_source = JS_UNDEFINED},
    };
    uint32_t number = fn_fetch_host->fetch(ctx, &init, argv[1]);
    fn_headers_free(headers);
    return number == 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

const JSCFunctionListEntry fn_dns_functions[] = {JS_CFUNC_DEF("lookUp", 2, look_up)};
const int fn_dns_function_count = sizeof(fn_dns_functions) / sizeof(fn_dns_functions[0]);
