/* One step of gb18030, Big5 and EUC-KR:
 * https://encoding.spec.whatwg.org/#legacy-multi-byte-chinese-(simplified)-encodings */
#include "web/encoding/encoding.h"

static bool between(uint8_t byte, uint8_t low, uint8_t high) {
    return byte >= low && byte <= high;
}

static fn_step step_code(uint8_t used, uint32_t code) {
    if (code < 0x10000) {
        return FN_STEP(used, code);
    }
    code -= 0x10000;
    return (fn_step){
        .used = used,
        .count = 2,
        .units = {(uint16_t)(0xd800 | code >> 10), (uint16_t)(0xdc00 | (code & 0x3ff))}};
}

/* Two bytes without a code point; if the second is ASCII, it is read again. */
static fn_step step_bad_pair(uint8_t trail) {
    return FN_STEP_ERROR(trail < 0x80 ? 1 : 2);
}

/* 0 when there is none. */
static uint32_t range_code(uint32_t pointer) {
    if ((pointer > 39419 && pointer < 189000) || pointer > 1237575) {
        return 0;
    }
    if (pointer == 7457) {
        return 0xe7c7;
    }
    size_t i = fn_gb18030_range_count - 1;
    while (fn_gb18030_ranges[i].pointer > pointer) {
        i--; /* the first range begins at 0 */
    }
    return fn_gb18030_ranges[i].code + (pointer - fn_gb18030_ranges[i].pointer);
}

static fn_step step_four(const uint8_t *at, size_t left) {
    if (left < 3) {
        return FN_STEP_MORE;
    }
    if (!between(at[2], 0x81, 0xfe)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 4) {
        return FN_STEP_MORE;
    }
    if (!between(at[3], '0', '9')) {
        return FN_STEP_ERROR(1);
    }
    uint32_t pointer =
        (at[0] - 0x81u) * 12600 + (at[1] - 0x30u) * 1260 + (at[2] - 0x81u) * 10 + (at[3] - 0x30u);
    uint32_t code = range_code(pointer);
    return code == 0 ? FN_STEP_ERROR(4) : step_code(4, code);
}

fn_step fn_step_gb18030(const uint8_t *at, size_t left) {
    if (at[0] < 0x80) {
        return FN_STEP(1, at[0]);
    }
    if (at[0] == 0x80) {
        return FN_STEP(1, 0x20ac);
    }
    if (at[0] == 0xff) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    if (between(at[1], '0', '9')) {
        return step_four(at, left);
    }
    uint16_t unit = 0;
    if (between(at[1], 0x40, 0x7e) || between(at[1], 0x80, 0xfe)) {
        uint32_t offset = at[1] < 0x7f ? 0x40 : 0x41;
        unit = fn_index_gb18030[(at[0] - 0x81u) * 190 + (at[1] - offset)];
    }
    return unit == 0 ? step_bad_pair(at[1]) : FN_STEP(2, unit);
}

/* Pointers that decode to two code points. */
static const struct {
    uint16_t pointer, units[2];
} big5_pairs[] = {
    {1133, {0x00ca, 0x0304}},
    {1135, {0x00ca, 0x030c}},
    {1164, {0x00ea, 0x0304}},
    {1166, {0x00ea, 0x030c}},
};

static fn_step big5_pointer(uint32_t pointer, uint8_t trail) {
    for (size_t i = 0; i < sizeof(big5_pairs) / sizeof(big5_pairs[0]); i++) {
        if (big5_pairs[i].pointer == pointer) {
            return (fn_step){
                .used = 2, .count = 2, .units = {big5_pairs[i].units[0], big5_pairs[i].units[1]}};
        }
    }
    size_t count = sizeof(fn_index_big5) / sizeof(fn_index_big5[0]);
    if (pointer >= count || fn_index_big5[pointer] == 0) {
        return step_bad_pair(trail);
    }
    uint32_t plane2 = fn_index_big5_plane2[pointer / 8] >> pointer % 8 & 1u;
    return step_code(2, fn_index_big5[pointer] | plane2 << 17);
}

fn_step fn_step_big5(const uint8_t *at, size_t left) {
    if (at[0] < 0x80) {
        return FN_STEP(1, at[0]);
    }
    if (!between(at[0], 0x81, 0xfe)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    if (!between(at[1], 0x40, 0x7e) && !between(at[1], 0xa1, 0xfe)) {
        return step_bad_pair(at[1]);
    }
    uint32_t offset = at[1] < 0x7f ? 0x40 : 0x62;
    return big5_pointer((at[0] - 0x81u) * 157 + (at[1] - offset), at[1]);
}

fn_step fn_step_euc_kr(const uint8_t *at, size_t left) {
    if (at[0] < 0x80) {
        return FN_STEP(1, at[0]);
    }
    if (!between(at[0], 0x81, 0xfe)) {
        return FN_STEP_ERROR(1);
    }
    if (left < 2) {
        return FN_STEP_MORE;
    }
    uint32_t pointer = (at[0] - 0x81u) * 190 + (at[1] - 0x41u);
    size_t count = sizeof(fn_index_euc_kr) / sizeof(fn_index_euc_kr[0]);
    uint16_t unit = between(at[1], 0x41, 0xfe) && pointer < count ? fn_index_euc_kr[pointer] : 0;
    return unit == 0 ? step_bad_pair(at[1]) : FN_STEP(2, unit);
}
