/* Log messages. They have no credit: if the host does not keep up, they are dropped and counted,
 * and everything else continues. */
#include "core/worker.h"

#include <stdint.h>
#include "core/json_out.h"

#define MAX_QUEUED (1024 * 1024) /* bytes unread by the host; beyond it, logs are dropped */
#define TRUNCATED " [truncated]"

static void count_dropped(fn_worker *worker) {
    if (worker->logs_dropped < UINT32_MAX) {
        worker->logs_dropped++;
    }
}

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
        count_dropped(worker);
    }
}

void fn_log_report_dropped(fn_worker *worker) {
    if (worker->logs_dropped == 0) {
        return;
    }
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "logs-dropped");
    fn_buffer_text(out, ",\"count\":");
    fn_json_uint(out, worker->logs_dropped);
    if (fn_ipc_end(&worker->ipc, NULL, 0) == 0) {
        worker->logs_dropped = 0;
    }
}

void fn_log(fn_worker *worker, const fn_invocation *invocation, fn_log_level level,
            const char *message, size_t len) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (fn_ipc_queued(&worker->ipc) > MAX_QUEUED) {
        count_dropped(worker);
        return;
    }
    fn_log_report_dropped(worker);
    send_log(worker, invocation, levels[level], message, len);
}
