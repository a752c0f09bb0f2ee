/* Operations on a pattern's parts: the order of patterns, and a text that a pattern matches.
 * https://urlpattern.spec.whatwg.org/#part */
#include <cstring>

#include "web/url/url_pattern_ada.h"
#include "web/url/url_pattern_match.h"
#include "web/url/url_pattern_types.h"

namespace helpers = ada::url_pattern_helpers;

using part = ada::url_pattern_part;
using options = ada::url_pattern_compile_component_options;
using encoder = ada::result<std::string>(std::string_view);

namespace {

/* A normalised pattern string parses to the parts that it was built from. */
std::vector<part> parts_of(const fn_pattern *pattern, fn_part which) {
    options like = which == FN_PART_HOSTNAME   ? options::HOSTNAME
                   : which == FN_PART_PATHNAME ? options::PATHNAME
                                               : options::DEFAULT;
    auto keep = [](std::string_view text) -> ada::result<std::string> { return std::string(text); };
    auto parts = helpers::parse_pattern_string(component_of(pattern, which).pattern, like, keep);
    return parts ? *parts : std::vector<part>();
}

template <typename T> int order(const T &left, const T &right) {
    return left < right ? -1 : right < left ? 1 : 0;
}

/* A higher rank is stricter. */
int rank(ada::url_pattern_part_type type) {
    switch (type) {
    case ada::url_pattern_part_type::FULL_WILDCARD:
        return 0;
    case ada::url_pattern_part_type::SEGMENT_WILDCARD:
        return 1;
    case ada::url_pattern_part_type::REGEXP:
        return 2;
    default:
        return 3;
    }
}

int rank(ada::url_pattern_part_modifier modifier) {
    switch (modifier) {
    case ada::url_pattern_part_modifier::zero_or_more:
        return 0;
    case ada::url_pattern_part_modifier::optional:
        return 1;
    case ada::url_pattern_part_modifier::one_or_more:
        return 2;
    default:
        return 3;
    }
}

int compare(const part &left, const part &right) {
    int result = order(rank(left.type), rank(right.type));
    if (result == 0) {
        result = order(rank(left.modifier), rank(right.modifier));
    }
    if (result == 0) {
        result = order(left.prefix, right.prefix);
    }
    if (result == 0) {
        result = order(left.value, right.value);
    }
    return result != 0 ? result : order(left.suffix, right.suffix);
}

bool is_special(const fn_pattern *pattern) {
    component protocol = component_of(pattern, FN_PART_PROTOCOL);
    return helpers::protocol_component_matches_special_scheme(protocol);
}

/* ada would strip spaces at the ends of the value as it strips those around a URL. */
ada::result<std::string> encode_opaque(std::string_view text) {
    auto encoded = helpers::canonicalize_opaque_pathname("a" + std::string(text) + "a");
    if (encoded && (encoded->size() < 2 || encoded->back() != 'a')) {
        return tl::unexpected(ada::errors::type_error);
    }
    return encoded ? encoded->substr(1, encoded->size() - 2) : encoded;
}

encoder *encoder_of(const fn_pattern *pattern, fn_part which) {
    switch (which) {
    case FN_PART_PROTOCOL:
        return helpers::canonicalize_protocol;
    case FN_PART_USERNAME:
        return helpers::canonicalize_username;
    case FN_PART_PASSWORD:
        return helpers::canonicalize_password;
    case FN_PART_HOSTNAME:
        return helpers::canonicalize_hostname;
    case FN_PART_PORT:
        return helpers::canonicalize_port;
    case FN_PART_PATHNAME:
        return is_special(pattern) ? helpers::canonicalize_pathname : encode_opaque;
    case FN_PART_SEARCH:
        return helpers::canonicalize_search;
    default:
        return helpers::canonicalize_hash;
    }
}

} // namespace

int fn_pattern_compare(const fn_pattern *left, const fn_pattern *right, fn_part which) {
    std::vector<part> a = parts_of(left, which);
    std::vector<part> b = parts_of(right, which);
    /* The shorter pattern is extended by an empty text: `/foo/` is stricter than `/foo/(.*)`. */
    const part empty(ada::url_pattern_part_type::FIXED_TEXT, "",
                     ada::url_pattern_part_modifier::none);
    for (size_t i = 0; i < a.size() || i < b.size(); i++) {
        int result = compare(i < a.size() ? a[i] : empty, i < b.size() ? b[i] : empty);
        if (result != 0 || i >= a.size() || i >= b.size()) {
            return result;
        }
    }
    return 0;
}

/* Appends a group's value, encoded; false when the pattern would not match it. */
static bool append_group(std::string &to, const part &group, encoder *encode, fn_slice value,
                         char delimiter) {
    auto encoded =
        value.bytes == nullptr ? ada::result<std::string>(std::string()) : encode(view(value));
    if (!encoded || encoded->empty() ||
        (delimiter != 0 && encoded->find(delimiter) != std::string::npos)) {
        return false;
    }
    to += group.prefix;
    to += *encoded;
    to += group.suffix;
    return true;
}

fn_pattern_status fn_pattern_generate(const fn_pattern *pattern, fn_part which,
                                      fn_pattern_group *group, void *opaque, fn_slice *text) {
    encoder *encode = encoder_of(pattern, which);
    char delimiter = which == FN_PART_HOSTNAME ? '.' : which == FN_PART_PATHNAME ? '/' : 0;
    std::string result;
    for (const part &p : parts_of(pattern, which)) {
        if (p.modifier != ada::url_pattern_part_modifier::none) {
            return FN_PATTERN_FAILED;
        }
        if (p.type == ada::url_pattern_part_type::FIXED_TEXT) {
            result += p.value;
        } else if (p.type != ada::url_pattern_part_type::SEGMENT_WILDCARD ||
                   !append_group(result, p, encode, group(opaque, slice(p.name)), delimiter)) {
            return FN_PATTERN_FAILED;
        }
    }
    char *bytes = new char[result.size() + 1];
    memcpy(bytes, result.c_str(), result.size() + 1);
    *text = {bytes, result.size()};
    return FN_PATTERN_DONE;
}

void fn_pattern_text_free(fn_slice text) {
    delete[] text.bytes;
}
