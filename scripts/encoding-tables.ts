/**
 * Writes the Encoding standard's labels and indexes, as @exodus/bytes carries them, into a C file:
 * `encoding-tables.ts OUT.c`. scripts/build.sh calls it; guest/quickjs/web/encoding/encoding.h declares
 * the tables.
 */
import { writeFileSync } from 'node:fs'

const TABLES = '../node_modules/@exodus/bytes/fallback'
const labels: Record<string, string[]> = (await import(`${TABLES}/encoding.labels.js`)).default
const { getTable } = await import(`${TABLES}/multi-byte.table.js`)
const { getEncoding } = await import(`${TABLES}/single-byte.js`)

/** Each encoding that is not a table of 128 bytes, and the name of its decoder in encoding.h. */
const DECODERS: Record<string, string> = {
  'utf-8': 'UTF_8',
  'utf-16le': 'UTF_16LE',
  'utf-16be': 'UTF_16BE',
  gbk: 'GB18030',
  gb18030: 'GB18030',
  big5: 'BIG5',
  'euc-jp': 'EUC_JP',
  'iso-2022-jp': 'ISO_2022_JP',
  shift_jis: 'SHIFT_JIS',
  'euc-kr': 'EUC_KR',
  replacement: 'REPLACEMENT',
}

/** Pairs of code points, which are no table of the standard: decoder_big5.c contains them. */
const BIG5_PAIRS = [1133, 1135, 1164, 1166]

const out: string[] = []

function print(declaration: string, values: ArrayLike<number | string>): void {
  out.push(`${declaration} = {`)
  const items = Array.from(values, (value) =>
    typeof value === 'number' ? `0x${value.toString(16)}` : value,
  )
  for (let i = 0; i < items.length; i += 12) out.push(`    ${items.slice(i, i + 12).join(', ')},`)
  out.push('};', '')
}

function printIndex(name: string, table: ArrayLike<number>): void {
  if (Array.from(table).some((unit) => unit > 0xffff || (unit >= 0xd800 && unit < 0xe000)))
    throw new Error(`${name}: a value does not fit into one code unit`)
  print(`const uint16_t fn_index_${name}[${table.length}]`, table)
}

/** Big5 has code points of plane 2. One bit for each pointer marks them. */
function printBig5(): void {
  const table: ArrayLike<number> = getTable('big5')
  const units = new Uint16Array(table.length)
  const plane2 = new Uint8Array(Math.ceil(table.length / 8))
  for (let pointer = 0; pointer < table.length; pointer++) {
    const value = table[pointer] as number
    if (BIG5_PAIRS.includes(pointer)) continue
    units[pointer] = value
    if (value <= 0xffff) continue
    const code = String.fromCharCode(value >>> 16, value & 0xffff).codePointAt(0) as number
    if (code >> 16 !== 2) throw new Error(`big5: pointer ${pointer} leads to ${code}`)
    units[pointer] = code & 0xffff
    plane2[pointer >> 3] = (plane2[pointer >> 3] as number) | (1 << (pointer & 7))
  }
  print(`const uint16_t fn_index_big5[${units.length}]`, units)
  print(`const uint8_t fn_index_big5_plane2[${plane2.length}]`, plane2)
}

function printRanges(): void {
  const ranges: [number, number][] = getTable('gb18030-ranges')
  print(
    `const fn_range fn_gb18030_ranges[${ranges.length}]`,
    ranges.map(([pointer, code]) => `{${pointer}, 0x${code.toString(16)}}`),
  )
  out.push(`const size_t fn_gb18030_range_count = ${ranges.length};`, '')
}

/** The code points of 0x80 to 0xff. The package leaves out trailing bytes that map to themselves. */
function upperHalf(name: string): number[] {
  const codes: number[] = getEncoding(name)
  return Array.from({ length: 128 }, (_, index) => codes[index] ?? 0x80 + index)
}

function printEncodings(): void {
  const names = Object.keys(labels).sort()
  const rows = names.map((name, index) => {
    const decoder = DECODERS[name]
    if (decoder !== undefined) return `{"${name}", FN_CODING_${decoder}, NULL}`
    print(`static const uint16_t upper_${index}[128]`, upperHalf(name))
    return `{"${name}", FN_CODING_SINGLE_BYTE, upper_${index}}`
  })
  print(`const fn_encoding fn_encodings[${rows.length}]`, rows)
  // Sorted by their bytes: the C code does a binary search.
  const pairs = names
    .flatMap((name, index) =>
      [name, ...(labels[name] ?? [])].map((label) => [label, index] as const),
    )
    .sort(([left], [right]) => (left < right ? -1 : 1))
  print(
    `const fn_label fn_labels[${pairs.length}]`,
    pairs.map(([label, index]) => `{"${label}", ${index}}`),
  )
  out.push(`const size_t fn_label_count = ${pairs.length};`, '')
}

out.push('/* Made by scripts/encoding-tables.ts from @exodus/bytes. Not to be edited. */', '')
out.push('#include "web/encoding/encoding.h"', '')
printIndex('jis0208', getTable('jis0208'))
printIndex('jis0212', getTable('jis0212'))
printIndex('euc_kr', getTable('euc-kr'))
printIndex('gb18030', getTable('gb18030'))
printBig5()
printRanges()
printEncodings()
const path = process.argv[2]
if (path === undefined) throw new Error('usage: encoding-tables.ts OUT.c')
writeFileSync(path, `${out.join('\n')}\n`)
