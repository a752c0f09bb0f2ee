/* Decodes the encodings other than UTF-8 into code units. */
#include "web/encoding/encoding.h"

#define REPLACEMENT 0xfffd

static fn_step step(fn_decode *d, const uint8_t *at, size_t left) {
    switch (d->encoding->coding) {
    case FN_CODING_GB18030:
        return fn_step_gb18030(at, left);
    case FN_CODING_BIG5:
        return fn_step_big5(at, left);
    case FN_CODING_EUC_KR:
        return fn_step_euc_kr(at, left);
    case FN_CODING_EUC_JP:
        return fn_step_euc_jp(at, left);
    case FN_CODING_SHIFT_JIS:
        return fn_step_shift_jis(at, left);
    default:
        return fn_step_iso_2022_jp(&d->jp, at, left);
    }
}

/* An incomplete sequence at the end is one error; for ISO-2022-JP only its first byte is. */
static fn_step cut_off(const fn_decode *d, size_t left) {
    return FN_STEP_ERROR(d->encoding->coding == FN_CODING_ISO_2022_JP ? 1 : (uint8_t)left);
}

static size_t decode_single(const fn_decode *d, const uint8_t *bytes, size_t len, uint16_t *units) {
    const uint16_t *upper = d->encoding->upper;
    for (size_t i = 0; i < len; i++) {
        uint16_t unit = bytes[i] < 0x80 ? bytes[i] : upper[bytes[i] - 0x80];
        if (unit == REPLACEMENT && d->fatal) {
            return FN_DECODE_BROKEN;
        }
        units[i] = unit;
    }
    return len;
}

size_t fn_decode_legacy(fn_decode *d, const uint8_t *bytes, size_t len, uint16_t *units,
                        size_t *rest) {
    *rest = 0;
    if (d->encoding->coding == FN_CODING_SINGLE_BYTE) {
        return decode_single(d, bytes, len, units);
    }
    size_t made = 0;
    bool stateless = d->encoding->coding != FN_CODING_ISO_2022_JP;
    for (size_t at = 0; at < len;) {
        if (stateless && bytes[at] < 0x80) {
            units[made++] = bytes[at++];
            continue;
        }
        fn_step s = step(d, bytes + at, len - at);
        if (s.used == 0 && !d->last) {
            *rest = len - at;
            return made;
        }
        if (s.used == 0) {
            s = cut_off(d, len - at);
        }
        if (s.error && d->fatal) {
            return FN_DECODE_BROKEN;
        }
        at += s.used;
        if (s.error) {
            units[made++] = REPLACEMENT;
        }
        for (int i = 0; i < s.count; i++) {
            units[made++] = s.units[i];
        }
    }
    return made;
}

static uint16_t unit_at(const fn_decode *d, const uint8_t *at) {
    return d->encoding->coding == FN_CODING_UTF_16LE ? (uint16_t)(at[0] | at[1] << 8)
                                                     : (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_high(uint16_t unit) {
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(uint16_t unit) {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

size_t fn_decode_utf16(const fn_decode *d, const uint8_t *bytes, size_t len, uint16_t *units,
                       size_t *rest) {
    *rest = len % 2;
    size_t count = len / 2;
    if (!d->last && count > 0 && is_high(unit_at(d, bytes + 2 * count - 2))) {
        count--;
        *rest += 2;
    }
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t unit = unit_at(d, bytes + 2 * i);
        if (is_high(unit) && i + 1 < count && is_low(unit_at(d, bytes + 2 * i + 2))) {
            units[made++] = unit;
            units[made++] = unit_at(d, bytes + 2 * ++i);
            continue;
        }
        bool lone = is_high(unit) || is_low(unit);
        if (lone && d->fatal) {
            return FN_DECODE_BROKEN;
        }
        units[made++] = lone ? REPLACEMENT : unit;
    }
    if (!d->last || *rest == 0) {
        return made;
    }
    *rest = 0;
    if (d->fatal) {
        return FN_DECODE_BROKEN;
    }
    /* A high surrogate and half a unit at the end are one error. */
    if (count == 0 || !is_high(unit_at(d, bytes + 2 * count - 2))) {
        units[made++] = REPLACEMENT;
    }
    return made;
}
