/* A URLPatternInput and a base URL, between scripts and ada. */
#ifndef FN_WEB_URL_PATTERN_INPUT_H
#define FN_WEB_URL_PATTERN_INPUT_H

#include "web/idl/text.h"
#include "web/url/url_pattern_types.h"

/* Limit on the bytes of a pattern: ada parses it without checking the time limit. A longer pattern
 * throws a TypeError. */
#define FN_PATTERN_MAX (16 * 1024)

typedef struct {
    fn_text texts[FN_PART_INPUTS]; /* own the bytes that `input` and `base` point to */
    fn_text base_text;
    fn_pattern_input input;
    fn_slice base;
    bool has_base;
    size_t size; /* bytes of all texts */
} fn_url_input;

/* Indexed by fn_part; and in WebIDL's order of dictionary members, which is alphabetical. */
extern const char *const fn_url_input_names[FN_PART_INPUTS + 1];
extern const int fn_url_input_order[FN_PART_INPUTS + 1];

int fn_url_input_read(JSContext *ctx, fn_url_input *input, JSValueConst value, JSValueConst base,
                      bool has_base);
void fn_url_input_free(JSContext *ctx, fn_url_input *input);
/* The arguments as the `inputs` of a result. */
JSValue fn_url_input_list(JSContext *ctx, const fn_url_input *input);

#endif
