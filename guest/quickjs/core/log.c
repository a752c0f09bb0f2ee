/* Log messages. They have no credit: if the host does not keep up, they are dropped and counted,
 * and everything else continues. */
#include "core/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/json_out.h"

#define MAX_QUEUED (1024 * 1024) /* bytes unread by the host; beyond it, logs are dropped */
#define TRUNCATED " [truncated]"

static void send_log(fn_worker *worker, const fn_invocation *invocation, const char *level,
                     const char *message, size_t len) {
    size_t kept = len < FN_MAX_LOG_MESSAGE ? len : FN_MAX_LOG_MESSAGE;
    while (kept < len && kept > 0 && ((uint8_t)message[kept] & 0xc0) == 0x80) {
        kept--; /* do not cut a character */
    }
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "log");
    if (invocation != NULL && !invocation->load) {
        fn_buffer_text(out, ",\"id\":");
        fn_json_uint(out, invocation->id);
    }
    fn_buffer_text(out, ",\"level\":\"");
    fn_buffer_text(out, level);
    fn_buffer_text(out, "\",\"message\":");
    fn_json_utf8(out, message, kept);
    if (kept < len && !out->failed) {
        out->len--; /* the closing quote */
        fn_buffer_text(out, TRUNCATED "\"");
    }
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        worker->logs_dropped++;
    }
}

void fn_log(fn_worker *worker, const fn_invocation *invocation, fn_log_level level,
            const char *message, size_t len) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (fn_ipc_queued(&worker->ipc) > MAX_QUEUED) {
        worker->logs_dropped++;
        return;
    }
    if (worker->logs_dropped > 0) {
        char text[64];
        int count = snprintf(text, sizeof(text), "%u log lines were dropped", worker->logs_dropped);
        worker->logs_dropped = 0;
        send_log(worker, NULL, "warn", text, (size_t)count);
    }
    send_log(worker, invocation, levels[level], message, len);
}
