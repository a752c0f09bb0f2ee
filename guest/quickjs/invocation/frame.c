/* Fields of the host's messages, and the messages that are written in more than one place. */
#include "invocation/invocation.h"

#include <stdio.h>
#include <string.h>
#include "core/json_out.h"

/* The field is missing or has another type. */
static _Noreturn void invalid_field(const char *key) {
    char text[64];
    snprintf(text, sizeof(text), "the field '%s' is missing or invalid", key);
    fn_worker_breach(text);
}

uint64_t fn_frame_uint(const fn_frame *frame, const char *key) {
    yyjson_val *value = yyjson_obj_get(frame->root, key);
    if (!yyjson_is_uint(value)) {
        invalid_field(key);
    }
    return yyjson_get_uint(value);
}

const char *fn_frame_text(const fn_frame *frame, const char *key, size_t *len) {
    yyjson_val *value = yyjson_obj_get(frame->root, key);
    if (!yyjson_is_str(value)) {
        invalid_field(key);
    }
    *len = yyjson_get_len(value);
    return yyjson_get_str(value);
}

int fn_send_error(fn_worker *worker, const fn_invocation *invocation, const char *code,
                  const char *message, const char *stack) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "error");
    if (invocation != NULL) {
        fn_body_id_put(out, invocation->id);
    }
    fn_buffer_text(out, ",\"code\":\"");
    fn_buffer_text(out, code);
    fn_buffer_text(out, "\",\"message\":");
    fn_json_utf8(out, message, strlen(message));
    if (stack != NULL && *stack != '\0') {
        fn_buffer_text(out, ",\"stack\":");
        fn_json_utf8(out, stack, strlen(stack));
    }
    return fn_ipc_end(&worker->ipc, NULL, 0);
}

void fn_send_cancel(fn_worker *worker, fn_body_id id, const char *reason) {
    fn_buffer *out = fn_ipc_begin(&worker->ipc, "cancel");
    fn_body_id_put(out, id);
    fn_buffer_text(out, ",\"reason\":\"");
    fn_buffer_text(out, reason);
    fn_buffer_text(out, "\"");
    if (fn_ipc_end(&worker->ipc, NULL, 0) != 0) {
        fn_worker_exit(worker, FN_EXIT_BREACH, false);
    }
}
