/* The place in a URLSearchParams at which an iteration stands. */
#include "web/url/url.h"

void fn_params_forget(fn_params *params) {
    if (params->at != NULL) {
        ada_free_search_params_entries_iter(params->at);
        params->at = NULL;
    }
}

/* ada goes through a list from its start only, so the place where it stands is kept. */
static bool go_to(fn_params *params, uint32_t index) {
    if (params->at == NULL || params->index > index) {
        fn_params_forget(params);
        params->at = ada_search_params_get_entries(params->list);
        params->index = 0;
    }
    while (ada_search_params_entries_iter_has_next(params->at)) {
        if (params->index == index) {
            return true;
        }
        ada_search_params_entries_iter_next(params->at);
        params->index++;
    }
    return false;
}

int fn_params_pair_at(JSContext *ctx, JSValueConst target, uint32_t index, JSValue pair[2]) {
    fn_params *params = JS_GetOpaque(target, fn_web.params);
    if (!go_to(params, index)) {
        return 0;
    }
    ada_string_pair entry = ada_search_params_entries_iter_next(params->at);
    params->index++;
    pair[0] = JS_NewStringLen(ctx, entry.key.data, entry.key.length);
    pair[1] = JS_NewStringLen(ctx, entry.value.data, entry.value.length);
    if (JS_IsException(pair[0]) || JS_IsException(pair[1])) {
        JS_FreeValue(ctx, pair[0]);
        JS_FreeValue(ctx, pair[1]);
        return -1;
    }
    return 1;
}
