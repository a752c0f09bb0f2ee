/* The engine's regular expressions in the form that ada's URL patterns use. */
#ifndef FN_WEB_URL_PATTERN_REGEXP_H
#define FN_WEB_URL_PATTERN_REGEXP_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ada.h"
#include "web/url/url_pattern_types.h"

/* Compiled with the flag `v`, and `i` to ignore case. ada has no failure of a match, so a failure
 * counts as no match; fn_regexp_end reports it to the caller, who must call fn_regexp_begin first.
 */
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
