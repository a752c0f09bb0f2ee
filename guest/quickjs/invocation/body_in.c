/* Gives the host credit for the received bytes of a request's body or a fetched response's. */
#include "invocation/invocation.h"

#include "core/json_out.h"

static fn_body_in *find(fn_worker *worker, fn_body_id id) {
    if (fn_body_id_is_fetch(id)) {
        fn_fetch *fetch = fn_fetch_find(worker, id);
        return fetch == NULL ? NULL : &fetch->in;
    }
    fn_invocation *invocation = fn_invocation_find(worker, (uint32_t)id);
    return invocation == NULL ? NULL : &invocation->in;
}

void fn_host_body_consumed(JSContext *ctx, fn_body_id id, size_t bytes) {
    fn_worker *worker = fn_worker_of(ctx);
    fn_body_in *in = find(worker, id);
    if (in == NULL || bytes > in->outstanding) {
        return;
    }
    in->outstanding -= (uint32_t)bytes;
    in->owed += (uint32_t)bytes;
    if (!fn_body_id_is_fetch(id)) {
        fn_request_await(fn_invocation_find(worker, (uint32_t)id));
    }
    if (in->ended || in->unwanted || (in->owed < FN_CREDIT_BATCH_BYTES && in->outstanding > 0)) {
        return;
    }
    fn_buffer *line = fn_ipc_begin(&worker->ipc, "credit");
    fn_body_id_put(line, id);
    fn_buffer_text(line, ",\"bytes\":");
    fn_json_uint(line, in->owed);
    if (fn_ipc_end(&worker->ipc, NULL, 0) == 0) {
        in->owed = 0;
    }
}

void fn_host_body_cancelled(JSContext *ctx, fn_body_id id) {
    fn_worker *worker = fn_worker_of(ctx);
    if (fn_body_id_is_fetch(id)) {
        fn_host_fetch_cancel(ctx, (uint32_t)(id & ~FN_BODY_OF_FETCH), JS_UNDEFINED);
        return;
    }
    fn_invocation *invocation = fn_invocation_find(worker, (uint32_t)id);
    if (invocation != NULL) {
        fn_request_unwanted(worker, invocation);
    }
}
