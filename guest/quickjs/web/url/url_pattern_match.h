/* URL patterns as ada matches them, with the engine's regular expressions, for C. */
#ifndef FN_WEB_URL_PATTERN_MATCH_H
#define FN_WEB_URL_PATTERN_MATCH_H

#include "web/url/url_pattern_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `ctx` is the JSContext whose memory and budget the regular expressions use. */
fn_pattern_status fn_pattern_new(void *ctx, const fn_pattern_input *input, const fn_slice *base,
                                 bool ignore_case, fn_pattern **pattern);
void fn_pattern_free(fn_pattern *pattern);
/* A component's pattern string, valid as long as the pattern. */
fn_slice fn_pattern_part(const fn_pattern *pattern, fn_part part);
bool fn_pattern_has_regexp_groups(const fn_pattern *pattern);

fn_pattern_status fn_pattern_test(void *ctx, fn_pattern *pattern, const fn_pattern_input *input,
                                  const fn_slice *base);
fn_pattern_status fn_pattern_exec(void *ctx, fn_pattern *pattern, const fn_pattern_input *input,
                                  const fn_slice *base, fn_pattern_match **match);
void fn_pattern_match_free(fn_pattern_match *match);
fn_slice fn_pattern_match_input(const fn_pattern_match *match, fn_part part);
size_t fn_pattern_match_groups(const fn_pattern_match *match, fn_part part);
/* A group by its index in the pattern; a value without bytes did not take part in the match. */
fn_slice fn_pattern_match_name(const fn_pattern_match *match, fn_part part, size_t index);
fn_slice fn_pattern_match_value(const fn_pattern_match *match, fn_part part, size_t index);

/* ---- url_pattern_parts.cpp */

/* -1, 0 or 1: which of the two patterns is stricter. */
int fn_pattern_compare(const fn_pattern *left, const fn_pattern *right, fn_part part);
/* The value of a group by name; without bytes when there is none. */
typedef fn_slice fn_pattern_group(void *opaque, fn_slice name);
/* The component that a pattern matches with these groups. The caller frees `*text`. */
fn_pattern_status fn_pattern_generate(const fn_pattern *pattern, fn_part part,
                                      fn_pattern_group *group, void *opaque, fn_slice *text);
void fn_pattern_text_free(fn_slice text);

#ifdef __cplusplus
}
#endif

#endif
