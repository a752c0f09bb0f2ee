/* Decoders of the Encoding standard: https://encoding.spec.whatwg.org/ */
#ifndef FN_WEB_ENCODING_H
#define FN_WEB_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    FN_CODING_UTF_8,
    FN_CODING_UTF_16LE,
    FN_CODING_UTF_16BE,
    FN_CODING_SINGLE_BYTE,
    FN_CODING_GB18030, /* and GBK, which decodes alike */
    FN_CODING_BIG5,
    FN_CODING_EUC_JP,
    FN_CODING_ISO_2022_JP,
    FN_CODING_SHIFT_JIS,
    FN_CODING_EUC_KR,
    FN_CODING_REPLACEMENT
} fn_coding;

typedef struct {
    const char *name;
    fn_coding coding;
    const uint16_t *upper; /* SINGLE_BYTE: 0x80 to 0xff; U+FFFD where there is nothing */
} fn_encoding;

typedef struct {
    const char *label;
    uint8_t encoding; /* index into fn_encodings */
} fn_label;

/* The code points from `pointer` on follow each other, up to the next range. */
typedef struct {
    uint32_t pointer, code;
} fn_range;

/* ---- made by scripts/encoding-tables.ts; 0 in an index is a pointer without a code point */

extern const fn_encoding fn_encodings[];
extern const fn_label fn_labels[]; /* sorted */
extern const size_t fn_label_count;
extern const uint16_t fn_index_jis0208[11104], fn_index_jis0212[7211], fn_index_euc_kr[23750];
extern const uint16_t fn_index_gb18030[23940], fn_index_big5[19782];
extern const uint8_t fn_index_big5_plane2[2473]; /* bits */
extern const fn_range fn_gb18030_ranges[];
extern const size_t fn_gb18030_range_count;

/* ---- encoding.c */

/* What a label names, white space around it included; NULL when nothing. */
const fn_encoding *fn_encoding_find(const char *label, size_t len);

/* ---- decoders of bytes that are no UTF: decode.c, decode_chinese.c, decode_japanese.c */

/* What stands at the front of some bytes. */
typedef struct {
    uint8_t used;  /* bytes; 0: whether more are needed cannot be told yet */
    uint8_t count; /* of `units`; 0: nothing to write (an escape sequence), or an error */
    bool error;
    uint16_t units[2];
} fn_step;

/* What ISO-2022-JP keeps from one byte to the next. */
typedef enum { FN_JP_ASCII, FN_JP_ROMAN, FN_JP_KATAKANA, FN_JP_DOUBLE } fn_jp_mode;
typedef struct {
    fn_jp_mode mode;
    bool escaped; /* the last thing was an escape sequence that worked */
} fn_jp_state;

#define FN_STEP(used_, unit)                                                                       \
    (fn_step) {                                                                                    \
        .used = (used_), .count = 1, .units = {(uint16_t)(unit)}                                   \
    }
#define FN_STEP_ERROR(used_)                                                                       \
    (fn_step) {                                                                                    \
        .used = (used_), .error = true                                                             \
    }
#define FN_STEP_MORE (fn_step){.used = 0}

fn_step fn_step_gb18030(const uint8_t *at, size_t left);
fn_step fn_step_big5(const uint8_t *at, size_t left);
fn_step fn_step_euc_kr(const uint8_t *at, size_t left);
fn_step fn_step_euc_jp(const uint8_t *at, size_t left);
fn_step fn_step_shift_jis(const uint8_t *at, size_t left);
fn_step fn_step_iso_2022_jp(fn_jp_state *state, const uint8_t *at, size_t left);

typedef struct {
    const fn_encoding *encoding;
    bool fatal;
    bool last; /* nothing follows these bytes */
    fn_jp_state jp;
} fn_decode;

#define FN_DECODE_BROKEN SIZE_MAX
/* Decodes into `units`, which has room for len + 1. How many it made, or FN_DECODE_BROKEN where one
 * is an error and the decoder fatal. `*rest` bytes (at most 3) at the end are not whole yet. */
size_t fn_decode_legacy(fn_decode *d, const uint8_t *bytes, size_t len, uint16_t *units,
                        size_t *rest);
/* The same for UTF-16, with at most 3 bytes of rest. */
size_t fn_decode_utf16(const fn_decode *d, const uint8_t *bytes, size_t len, uint16_t *units,
                       size_t *rest);

#endif
