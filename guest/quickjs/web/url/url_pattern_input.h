/* A URLPatternInput and a base URL, between scripts and ada. */
#ifndef FN_WEB_URL_PATTERN_INPUT_H
#define FN_WEB_URL_PATTERN_INPUT_H

#include "web/idl/text.h"
#include "web/url/url_pattern_types.h"

/* Bytes of a pattern in all: ada parses one without asking whether there is time left. */
#define FN_PATTERN_MAX (16 * 1024)

typedef struct {
    fn_text texts[FN_PART_INPUTS]; /* own what `input` and `base` point into */
    fn_text base_text;
    fn_pattern_input input;
    fn_slice base;
    bool has_base;
    size_t size; /* of all texts */
} fn_url_input;

/* By fn_part; and the order of WebIDL's dictionaries, which is that of the names. */
extern const char *const fn_url_input_names[FN_PART_INPUTS + 1];
extern const int fn_url_input_order[FN_PART_INPUTS + 1];

int fn_url_input_read(JSContext *ctx, fn_url_input *input, JSValueConst value, JSValueConst base,
                      bool has_base);
void fn_url_input_free(JSContext *ctx, fn_url_input *input);
/* The arguments as `inputs` of a result gives them back. */
JSValue fn_url_input_list(JSContext *ctx, const fn_url_input *input);

#endif
