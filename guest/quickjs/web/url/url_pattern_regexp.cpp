/* The engine's regular expressions in the form that ada's URL patterns use. */
#include "web/url/url_pattern_regexp.h"
#include "web/url/url_pattern_types.h"

#include <climits>

#include "libregexp.h"

namespace {

/* A worker has one thread, and a match runs no other code, so the state of a call can be static. */
void *context;
fn_pattern_status failure;

fn_pattern_status status_of(int result) {
    return result == LRE_RET_TIMEOUT ? FN_PATTERN_STOPPED : FN_PATTERN_MEMORY;
}

bool is_ascii(std::string_view text) {
    for (unsigned char c : text) {
        if (c >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Valid UTF-8 to UTF-16. */
std::u16string widen(std::string_view text) {
    std::u16string wide;
    wide.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
        auto byte = [&](size_t at) -> uint32_t {
            return at < text.size() ? static_cast<unsigned char>(text[at]) & 0x3f : 0;
        };
        auto c = static_cast<unsigned char>(text[i]);
        uint32_t code = c;
        size_t len = 1;
        if (c >= 0xf0) {
            code = (c & 7u) << 18 | byte(i + 1) << 12 | byte(i + 2) << 6 | byte(i + 3);
            len = 4;
        } else if (c >= 0xe0) {
            code = (c & 15u) << 12 | byte(i + 1) << 6 | byte(i + 2);
            len = 3;
        } else if (c >= 0xc0) {
            code = (c & 31u) << 6 | byte(i + 1);
            len = 2;
        }
        if (code >= 0x10000) {
            wide.push_back(static_cast<char16_t>(0xd7c0 + (code >> 10)));
            wide.push_back(static_cast<char16_t>(0xdc00 + (code & 0x3ff)));
        } else {
            wide.push_back(static_cast<char16_t>(code));
        }
        i += len;
    }
    return wide;
}

/* UTF-16 to UTF-8. With the `v` flag a match begins and ends between code points. */
std::string narrow(const char16_t *from, const char16_t *to) {
    std::string text;
    while (from < to) {
        uint32_t code = *from++;
        if (code >= 0xd800 && code < 0xdc00 && from < to) {
            code = 0x10000 + ((code - 0xd800) << 10) + (*from++ - 0xdc00u);
        }
        if (code < 0x80) {
            text.push_back(static_cast<char>(code));
        } else if (code < 0x800) {
            text.push_back(static_cast<char>(0xc0 | code >> 6));
            text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
        } else if (code < 0x10000) {
            text.push_back(static_cast<char>(0xe0 | code >> 12));
            text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
            text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
        } else {
            text.push_back(static_cast<char>(0xf0 | code >> 18));
            text.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
            text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
            text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
        }
    }
    return text;
}

struct subject {
    std::string_view text;
    std::u16string wide;
    bool is_wide;

    explicit subject(std::string_view input) : text(input), is_wide(!is_ascii(input)) {
        if (is_wide) {
            wide = widen(input);
        }
    }
    const uint8_t *start() const {
        return is_wide ? reinterpret_cast<const uint8_t *>(wide.data())
                       : reinterpret_cast<const uint8_t *>(text.data());
    }
    size_t length() const {
        return is_wide ? wide.size() : text.size();
    }
    std::string part(const uint8_t *from, const uint8_t *to) const {
        return is_wide ? narrow(reinterpret_cast<const char16_t *>(from),
                                reinterpret_cast<const char16_t *>(to))
                       : std::string(from, to);
    }
};

/* Fills `capture` with the start and end of every group. */
bool execute(const subject &on, const std::string &regexp, std::vector<uint8_t *> &capture) {
    if (failure != FN_PATTERN_DONE || on.length() > INT_MAX) {
        return false;
    }
    auto bytecode = reinterpret_cast<const uint8_t *>(regexp.data());
    capture.resize(static_cast<size_t>(lre_get_alloc_count(bytecode)));
    int result = lre_exec(capture.data(), bytecode, on.start(), 0, static_cast<int>(on.length()),
                          on.is_wide, context);
    if (result < 0) {
        failure = status_of(result);
    }
    return result == 1;
}

} // namespace

std::optional<fn_regexp::regex_type> fn_regexp::create_instance(std::string_view pattern,
                                                                bool ignore_case) {
    char message[64];
    int len;
    int flags = LRE_FLAG_UNICODE_SETS | (ignore_case ? LRE_FLAG_IGNORECASE : 0);
    std::string source(pattern); /* the compiler needs a NUL at the end */
    uint8_t *bytecode =
        lre_compile(&len, message, sizeof(message), source.c_str(), source.size(), flags, context);
    if (bytecode == nullptr) {
        return std::nullopt;
    }
    std::string regexp(reinterpret_cast<char *>(bytecode), static_cast<size_t>(len));
    lre_realloc(context, bytecode, 0);
    return regexp;
}

std::optional<std::vector<std::optional<std::string>>>
fn_regexp::regex_search(std::string_view input, const regex_type &regexp) {
    subject on(input);
    std::vector<uint8_t *> capture;
    if (!execute(on, regexp, capture)) {
        return std::nullopt;
    }
    auto count = static_cast<size_t>(
        lre_get_capture_count(reinterpret_cast<const uint8_t *>(regexp.data())));
    std::vector<std::optional<std::string>> groups;
    for (size_t i = 1; i < count; i++) {
        const uint8_t *from = capture[2 * i];
        const uint8_t *to = capture[2 * i + 1];
        if (from == nullptr || to == nullptr) {
            groups.emplace_back(std::nullopt);
        } else {
            groups.emplace_back(on.part(from, to));
        }
    }
    return groups;
}

bool fn_regexp::regex_match(std::string_view input, const regex_type &regexp) {
    subject on(input);
    std::vector<uint8_t *> capture;
    return execute(on, regexp, capture);
}

void fn_regexp_begin(void *ctx) {
    context = ctx;
    failure = FN_PATTERN_DONE;
}

fn_pattern_status fn_regexp_end() {
    return failure;
}
