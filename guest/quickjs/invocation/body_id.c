/* The owner of a body in a message: an invocation by its number, or a fetch, as in "f1". */
#include "invocation/invocation.h"

#include <stdlib.h>
#include "core/json_out.h"

bool fn_body_id_is_fetch(fn_body_id id) {
    return (id & FN_BODY_OF_FETCH) != 0;
}

void fn_body_id_put(fn_buffer *line, fn_body_id id) {
    fn_buffer_text(line, ",\"id\":");
    if (fn_body_id_is_fetch(id)) {
        fn_buffer_text(line, "\"f");
        fn_json_uint(line, id & ~FN_BODY_OF_FETCH);
        fn_buffer_text(line, "\"");
    } else {
        fn_json_uint(line, id);
    }
}

fn_body_id fn_body_id_of(yyjson_val *root) {
    yyjson_val *value = yyjson_obj_get(root, "id");
    if (yyjson_is_uint(value)) {
        uint64_t id = yyjson_get_uint(value);
        if (id > UINT32_MAX) {
            fn_worker_breach("the field 'id' is invalid");
        }
        return id;
    }
    const char *text = yyjson_get_str(value);
    char *end;
    unsigned long number = text == NULL || text[0] != 'f' ? 0 : strtoul(text + 1, &end, 10);
    if (number == 0 || number > UINT32_MAX || *end != '\0') {
        fn_worker_breach("the field 'id' is invalid");
    }
    return FN_BODY_OF_FETCH | number;
}

fn_body_out *fn_body_out_find(fn_worker *worker, fn_body_id id) {
    if (fn_body_id_is_fetch(id)) {
        fn_fetch *fetch = fn_fetch_find(worker, id);
        return fetch == NULL ? NULL : &fetch->out;
    }
    fn_invocation *invocation = fn_invocation_find(worker, (uint32_t)id);
    return invocation == NULL ? NULL : &invocation->out;
}
