/* Types that the C and the C++ files of URLPattern share. Texts are valid UTF-8. */
#ifndef FN_WEB_URL_PATTERN_TYPES_H
#define FN_WEB_URL_PATTERN_TYPES_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    FN_PART_PROTOCOL,
    FN_PART_USERNAME,
    FN_PART_PASSWORD,
    FN_PART_HOSTNAME,
    FN_PART_PORT,
    FN_PART_PATHNAME,
    FN_PART_SEARCH,
    FN_PART_HASH,
    FN_PART_COUNT,
    FN_PART_BASE_URL = FN_PART_COUNT,
    FN_PART_INPUTS,
} fn_part;

typedef struct {
    const char *bytes; /* NULL: absent */
    size_t len;
} fn_slice;

/* A string, or the members of a URLPatternInit when `text` is absent. */
typedef struct {
    fn_slice text;
    fn_slice parts[FN_PART_INPUTS];
} fn_pattern_input;

/* The result of a call. FAILED: the TypeError of the standard. STOPPED: the invocation's budget is
 * used up. MEMORY: a regular expression ran out of memory. */
typedef enum {
    FN_PATTERN_DONE,
    FN_PATTERN_NO_MATCH,
    FN_PATTERN_FAILED,
    FN_PATTERN_STOPPED,
    FN_PATTERN_MEMORY,
} fn_pattern_status;

typedef struct fn_pattern fn_pattern;
typedef struct fn_pattern_match fn_pattern_match;

#endif
