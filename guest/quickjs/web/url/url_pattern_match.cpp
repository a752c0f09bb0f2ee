/* URL patterns of ada behind C functions. https://urlpattern.spec.whatwg.org/ */
#include "web/url/url_pattern_match.h"
#include "web/url/url_pattern_ada.h"
#include "web/url/url_pattern_regexp.h"
#include "web/url/url_pattern_types.h"

namespace {

/* Groups in the order of the pattern, which ada's own result does not keep. */
struct component_match {
    std::string input;
    std::vector<std::optional<std::string>> values;
    const std::vector<std::string> *names;
};

std::optional<std::string> copy(fn_slice slice) {
    return slice.bytes == nullptr ? std::nullopt : std::optional<std::string>(view(slice));
}

ada::url_pattern_input to_input(const fn_pattern_input *input) {
    if (input->text.bytes != nullptr) {
        return view(input->text);
    }
    return ada::url_pattern_init{
        .protocol = copy(input->parts[FN_PART_PROTOCOL]),
        .username = copy(input->parts[FN_PART_USERNAME]),
        .password = copy(input->parts[FN_PART_PASSWORD]),
        .hostname = copy(input->parts[FN_PART_HOSTNAME]),
        .port = copy(input->parts[FN_PART_PORT]),
        .pathname = copy(input->parts[FN_PART_PATHNAME]),
        .search = copy(input->parts[FN_PART_SEARCH]),
        .hash = copy(input->parts[FN_PART_HASH]),
        .base_url = copy(input->parts[FN_PART_BASE_URL]),
    };
}

/* An optional argument in the form that ada takes. */
struct base_url {
    std::string_view text;
    const std::string_view *pointer;

    explicit base_url(const fn_slice *base)
        : text(base == nullptr ? std::string_view() : view(*base)),
          pointer(base == nullptr ? nullptr : &text) {
    }
};

} // namespace

struct fn_pattern_match {
    component_match parts[FN_PART_COUNT];
};

fn_pattern_status fn_pattern_new(void *ctx, const fn_pattern_input *input, const fn_slice *base,
                                 bool ignore_case, fn_pattern **pattern) {
    fn_regexp_begin(ctx);
    base_url against(base);
    ada::url_pattern_options how{.ignore_case = ignore_case};
    auto parsed = ada::parse_url_pattern<fn_regexp>(to_input(input), against.pointer, &how);
    fn_pattern_status status = fn_regexp_end();
    if (status != FN_PATTERN_DONE) {
        return status;
    }
    if (!parsed) {
        return FN_PATTERN_FAILED;
    }
    *pattern = new fn_pattern{std::move(*parsed)};
    return FN_PATTERN_DONE;
}

void fn_pattern_free(fn_pattern *pattern) {
    delete pattern;
}

fn_slice fn_pattern_part(const fn_pattern *pattern, fn_part which) {
    return slice(component_of(pattern, which).pattern);
}

bool fn_pattern_has_regexp_groups(const fn_pattern *pattern) {
    return pattern->pattern.has_regexp_groups();
}

fn_pattern_status fn_pattern_test(void *ctx, fn_pattern *pattern, const fn_pattern_input *input,
                                  const fn_slice *base) {
    fn_regexp_begin(ctx);
    base_url against(base);
    auto result = pattern->pattern.test(to_input(input), against.pointer);
    fn_pattern_status status = fn_regexp_end();
    if (status != FN_PATTERN_DONE) {
        return status;
    }
    return !result ? FN_PATTERN_FAILED : *result ? FN_PATTERN_DONE : FN_PATTERN_NO_MATCH;
}

fn_pattern_status fn_pattern_exec(void *ctx, fn_pattern *pattern, const fn_pattern_input *input,
                                  const fn_slice *base, fn_pattern_match **match) {
    fn_regexp_begin(ctx);
    base_url against(base);
    auto result = pattern->pattern.exec(to_input(input), against.pointer);
    fn_pattern_status status = fn_regexp_end();
    if (status != FN_PATTERN_DONE) {
        return status;
    }
    if (!result) {
        return FN_PATTERN_FAILED;
    }
    if (!*result) {
        return FN_PATTERN_NO_MATCH;
    }
    ada::url_pattern_component_result *from[] = {
        &(*result)->protocol, &(*result)->username, &(*result)->password, &(*result)->hostname,
        &(*result)->port,     &(*result)->pathname, &(*result)->search,   &(*result)->hash,
    };
    *match = new fn_pattern_match();
    for (int i = 0; i < FN_PART_COUNT; i++) {
        component_match &to = (*match)->parts[i];
        to.input = std::move(from[i]->input);
        to.names = &component_of(pattern, static_cast<fn_part>(i)).group_name_list;
        for (const std::string &name : *to.names) {
            auto found = from[i]->groups.find(name);
            to.values.push_back(found == from[i]->groups.end() ? std::nullopt
                                                               : std::move(found->second));
        }
    }
    return FN_PATTERN_DONE;
}

void fn_pattern_match_free(fn_pattern_match *match) {
    delete match;
}

fn_slice fn_pattern_match_input(const fn_pattern_match *match, fn_part which) {
    return slice(match->parts[which].input);
}

size_t fn_pattern_match_groups(const fn_pattern_match *match, fn_part which) {
    return match->parts[which].values.size();
}

fn_slice fn_pattern_match_name(const fn_pattern_match *match, fn_part which, size_t index) {
    return slice((*match->parts[which].names)[index]);
}

fn_slice fn_pattern_match_value(const fn_pattern_match *match, fn_part which, size_t index) {
    const std::optional<std::string> &value = match->parts[which].values[index];
    return value ? slice(*value) : fn_slice{nullptr, 0};
}
