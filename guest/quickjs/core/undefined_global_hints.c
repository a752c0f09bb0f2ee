/* Globals of other platforms that a worker does not have, and the hint that an error adds for them.
 * A package that tests for them with `typeof` sees undefined. src/bundles/globals.ts has the same
 * names. */
#include "core/worker.h"

#include <string.h>

static const char *const missing[] = {
    "Audio",
    "BroadcastChannel",
    "Bun",
    "DOMParser",
    "Deno",
    "Element",
    "EventSource",
    "FileReader",
    "HTMLElement",
    "HTMLRewriter",
    "Image",
    "Intl",
    "MutationObserver",
    "Notification",
    "OffscreenCanvas",
    "SharedWorker",
    "Temporal",
    "WebAssembly",
    "WebSocket",
    "WebSocketPair",
    "WebTransport",
    "Worker",
    "XMLHttpRequest",
    "alert",
    "caches",
    "cancelAnimationFrame",
    "confirm",
    "document",
    "history",
    "importScripts",
    "indexedDB",
    "localStorage",
    "location",
    "prompt",
    "requestAnimationFrame",
    "requestIdleCallback",
    "sessionStorage",
    "window",
};

static const char *hint(const char *name) {
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (strcmp(missing[i], name) == 0) {
            return ": quickjs-ng functions do not have it";
        }
    }
    return NULL;
}

void fn_undefined_global_hints_init(fn_worker *worker) {
    JS_SetNotDefinedHint(worker->rt, hint);
}
