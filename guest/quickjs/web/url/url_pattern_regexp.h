/* The engine's regular expressions as ada's URL patterns want them. */
#ifndef FN_WEB_URL_PATTERN_REGEXP_H
#define FN_WEB_URL_PATTERN_REGEXP_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ada.h"
#include "web/url/url_pattern_types.h"

/* Compiled as `v` (with `i` where case is ignored). ada has no way for a match to fail, so a
 * failure counts as no match, and is kept for the caller, who begins with fn_regexp_begin. */
class fn_regexp final {
  public:
    using regex_type = std::string; /* the engine's bytecode */

    static std::optional<regex_type> create_instance(std::string_view pattern, bool ignore_case);
    static std::optional<std::vector<std::optional<std::string>>>
    regex_search(std::string_view input, const regex_type &regexp);
    static bool regex_match(std::string_view input, const regex_type &regexp);
};

void fn_regexp_begin(void *ctx);
/* DONE, STOPPED or MEMORY. */
fn_pattern_status fn_regexp_end();

#endif
