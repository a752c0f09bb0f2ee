/* The strings of a URLSearchParams that was parsed. What was percent-decoded need not be UTF-8, and
 * ada leaves it so. */
#include "web/url/url.h"

static bool is_broken(ada_string text) {
    return fn_utf8_valid((const uint8_t *)text.data, text.length) < text.length;
}

/* One of the two is broken, or both are. */
static int append_mended(JSContext *ctx, ada_url_search_params list, ada_string_pair pair) {
    size_t key_len, value_len;
    char *key = fn_utf8_mend(ctx, (const uint8_t *)pair.key.data, pair.key.length, &key_len);
    char *value =
        fn_utf8_mend(ctx, (const uint8_t *)pair.value.data, pair.value.length, &value_len);
    int err = key == NULL || value == NULL ? -1 : 0;
    if (err == 0) {
        ada_search_params_append(list, key, key_len, value, value_len);
    }
    js_free(ctx, key);
    js_free(ctx, value);
    return err;
}

int fn_params_mend(JSContext *ctx, fn_params *params) {
    ada_url_search_params_entries_iter at = ada_search_params_get_entries(params->list);
    bool broken = false;
    int err = 0;
    while (!broken && ada_search_params_entries_iter_has_next(at)) {
        ada_string_pair pair = ada_search_params_entries_iter_next(at);
        broken = is_broken(pair.key) || is_broken(pair.value);
    }
    ada_free_search_params_entries_iter(at);
    if (!broken) {
        return 0;
    }
    ada_url_search_params mended = ada_parse_search_params("", 0);
    at = ada_search_params_get_entries(params->list);
    while (err == 0 && ada_search_params_entries_iter_has_next(at)) {
        err = append_mended(ctx, mended, ada_search_params_entries_iter_next(at));
    }
    ada_free_search_params_entries_iter(at);
    fn_params_forget(params);
    ada_free_search_params(err == 0 ? params->list : mended);
    params->list = err == 0 ? mended : params->list;
    return err;
}
