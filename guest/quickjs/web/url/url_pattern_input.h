/* What URLPattern's methods are given and what they answer with, between scripts and ada. */
#ifndef FN_WEB_URL_PATTERN_INPUT_H
#define FN_WEB_URL_PATTERN_INPUT_H

#include "web/internal.h"
#include "web/url/url_pattern.h"

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

/* ---- url_pattern_result.c */

/* A URLPatternResult; its members in the order of their names. */
JSValue fn_url_pattern_result(JSContext *ctx, const fn_pattern_match *match,
                              const fn_url_input *input);
/* The text that a component matches with the values of a record. */
JSValue fn_url_pattern_text(JSContext *ctx, const fn_pattern *pattern, fn_part part,
                            JSValueConst groups);

#endif
