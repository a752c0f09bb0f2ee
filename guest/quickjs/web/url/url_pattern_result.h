/* Results of URLPattern's methods as objects of JS. */
#ifndef FN_WEB_URL_PATTERN_RESULT_H
#define FN_WEB_URL_PATTERN_RESULT_H

#include "web/url/url_pattern_input.h"
#include "web/url/url_pattern_match.h"
#include "web/url/url_pattern_types.h"

/* A URLPatternResult; its members in the order of their names. */
JSValue fn_url_pattern_result(JSContext *ctx, const fn_pattern_match *match,
                              const fn_url_input *input);
/* The text that a component matches with the given groups, a record. */
JSValue fn_url_pattern_text(JSContext *ctx, const fn_pattern *pattern, fn_part part,
                            JSValueConst groups);

#endif
