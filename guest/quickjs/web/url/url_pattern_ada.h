/* ada's URL patterns, for the C++ files. */
#ifndef FN_WEB_URL_PATTERN_ADA_H
#define FN_WEB_URL_PATTERN_ADA_H

#include "web/url/url_pattern_regexp.h"
#include "web/url/url_pattern_types.h"

using component = ada::url_pattern_component<fn_regexp>;

struct fn_pattern {
    ada::url_pattern<fn_regexp> pattern;
};

inline const component &component_of(const fn_pattern *pattern, fn_part which) {
    const ada::url_pattern<fn_regexp> &p = pattern->pattern;
    switch (which) {
    case FN_PART_PROTOCOL:
        return p.protocol_component;
    case FN_PART_USERNAME:
        return p.username_component;
    case FN_PART_PASSWORD:
        return p.password_component;
    case FN_PART_HOSTNAME:
        return p.hostname_component;
    case FN_PART_PORT:
        return p.port_component;
    case FN_PART_PATHNAME:
        return p.pathname_component;
    case FN_PART_SEARCH:
        return p.search_component;
    default:
        return p.hash_component;
    }
}

inline std::string_view view(fn_slice slice) {
    return slice.bytes == nullptr ? std::string_view() : std::string_view(slice.bytes, slice.len);
}

inline fn_slice slice(std::string_view text) {
    /* An empty text is not the same as none. */
    return {text.data() == nullptr ? "" : text.data(), text.size()};
}

#endif
