/* One step of EUC-JP, Shift_JIS and ISO-2022-JP:
 * https://encoding.spec.whatwg.org/#legacy-multi-byte-japanese-encodings */
#include "web/encoding/encoding.h"

#define ESCAPE 0x1b
#define HALF_WIDTH_KATAKANA 0xff61
#define JIS0208_COUNT (sizeof(fn_index_jis0208) / sizeof(fn_index_jis0208[0]))
#define JIS0212_COUNT (sizeof(fn_index_jis0212) / sizeof(fn_index_jis0212[0]))

static bool between(uint8_t byte, uint8_t low, uint8_t high) {
    return byte >= low && byte <= high;
}

static uint16_t jis0208(uint32_t pointer) {
    return pointer < JIS0208_COUNT ? fn_index_jis0208[pointer] : 0;
}

static uint16_t jis0212(uint32_t pointer) {
    return pointer < JIS0212_COUNT ? fn_index_jis0212[pointer] : 0;
}

/* JIS X 0212 uses three bytes. */
static fn_step euc_jp_three(const uint8_t *at, size_t left) {
    if (left < 3) {
        return FN_STEP_MORE;
    }
    uint16_t unit =
        between(at[2], 0xa1, 0xfe) ? jis0212((at[1] - 0xa1u) * 94 + (at[2] - 0xa1u)) : 0;
    if (unit != 0) {
        return FN_STEP(3, unit);
    }
    return FN_STEP_ERROR(at[2] < 0x80 ? 2 : 3);
}

fn_step fn_step_euc_jp(const uint8_t *at, size_t left) {
    if (at[0] < 0x80) {
        return FN_STEP(1, at[0]);
    }
    if (at[0] != 0x8e && at[0] != 0x8f && !between(at[0], 0xa1, 0xfe)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    if (at[0] == 0x8e && between(at[1], 0xa1, 0xdf)) {
        return FN_STEP(2, HALF_WIDTH_KATAKANA - 0xa1 + at[1]);
    }
    if (at[0] == 0x8f && between(at[1], 0xa1, 0xfe)) {
        return euc_jp_three(at, left);
    }
    uint16_t unit = between(at[0], 0xa1, 0xfe) && between(at[1], 0xa1, 0xfe)
                        ? jis0208((at[0] - 0xa1u) * 94 + (at[1] - 0xa1u))
                        : 0;
    if (unit != 0) {
        return FN_STEP(2, unit);
    }
    return FN_STEP_ERROR(at[1] < 0x80 ? 1 : 2);
}

fn_step fn_step_shift_jis(const uint8_t *at, size_t left) {
    if (at[0] <= 0x80) {
        return FN_STEP(1, at[0]);
    }
    if (between(at[0], 0xa1, 0xdf)) {
        return FN_STEP(1, HALF_WIDTH_KATAKANA - 0xa1 + at[0]);
    }
    if (!between(at[0], 0x81, 0x9f) && !between(at[0], 0xe0, 0xfc)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    uint16_t unit = 0;
    if (between(at[1], 0x40, 0x7e) || between(at[1], 0x80, 0xfc)) {
        uint32_t offset = at[1] < 0x7f ? 0x40 : 0x41;
        uint32_t lead_offset = at[0] < 0xa0 ? 0x81 : 0xc1;
        uint32_t pointer = (at[0] - lead_offset) * 188 + at[1] - offset;
        /* The private use area. */
        unit = pointer >= 8836 && pointer <= 10715 ? (uint16_t)(0xe000 + pointer - 8836)
                                                   : jis0208(pointer);
    }
    if (unit != 0) {
        return FN_STEP(2, unit);
    }
    return FN_STEP_ERROR(at[1] < 0x80 ? 1 : 2);
}

/* The mode that an escape sequence sets; -1 when it is not a valid one. */
static int escape_mode(const uint8_t *at) {
    if (at[1] == 0x28) {
        return at[2] == 0x42   ? FN_JP_ASCII
               : at[2] == 0x4a ? FN_JP_ROMAN
               : at[2] == 0x49 ? FN_JP_KATAKANA
                               : -1;
    }
    return at[2] == 0x40 || at[2] == 0x42 ? FN_JP_DOUBLE : -1;
}

static fn_step escape(fn_jp_state *state, const uint8_t *at, size_t left) {
    if (left < 2) {
        return FN_STEP_MORE;
    }
    bool begins = at[1] == 0x24 || at[1] == 0x28;
    if (begins && left < 3) {
        return FN_STEP_MORE;
    }
    int mode = begins ? escape_mode(at) : -1;
    if (mode < 0) {
        state->escaped = false;
        return FN_STEP_ERROR(1);
    }
    /* Two escape sequences with nothing between them are an error. */
    bool twice = state->escaped;
    *state = (fn_jp_state){(fn_jp_mode)mode, true};
    return (fn_step){.used = 3, .error = twice};
}

static fn_step double_byte(const uint8_t *at, size_t left) {
    if (!between(at[0], 0x21, 0x7e)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    if (at[1] == ESCAPE) {
        return FN_STEP_ERROR(1);
    }
    uint16_t unit =
        between(at[1], 0x21, 0x7e) ? jis0208((at[0] - 0x21u) * 94 + (at[1] - 0x21u)) : 0;
    return unit == 0 ? FN_STEP_ERROR(2) : FN_STEP(2, unit);
}

fn_step fn_step_iso_2022_jp(fn_jp_state *state, const uint8_t *at, size_t left) {
    if (at[0] == ESCAPE) {
        return escape(state, at, left);
    }
    if (state->mode == FN_JP_DOUBLE) {
        fn_step s = double_byte(at, left);
        state->escaped = state->escaped && s.used == 0;
        return s;
    }
    state->escaped = false;
    if (state->mode == FN_JP_KATAKANA) {
        return between(at[0], 0x21, 0x5f) ? FN_STEP(1, HALF_WIDTH_KATAKANA - 0x21 + at[0])
                                          : FN_STEP_ERROR(1);
    }
    if (at[0] > 0x7f || at[0] == 0x0e || at[0] == 0x0f) {
        return FN_STEP_ERROR(1);
    }
    if (state->mode == FN_JP_ROMAN && at[0] == 0x5c) {
        return FN_STEP(1, 0xa5);
    }
    return FN_STEP(1, state->mode == FN_JP_ROMAN && at[0] == 0x7e ? 0x203e : at[0]);
}
