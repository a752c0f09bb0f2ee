/** Every encoding of the standard, against the TextDecoder of the runtime that runs these tests. */
import { describe, expect, test } from 'bun:test'
import type { TestWorker } from '../worker/test-worker.ts'
import { useTemplate } from './harness.ts'

const ENCODINGS = [
  'utf-8 utf-16le utf-16be gbk gb18030 big5 euc-jp iso-2022-jp shift_jis euc-kr x-user-defined',
  'ibm866 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8',
  'iso-8859-8-i iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 koi8-r koi8-u',
  'macintosh windows-874 windows-1250 windows-1251 windows-1252 windows-1253 windows-1254',
  'windows-1255 windows-1256 windows-1257 windows-1258 x-mac-cyrillic',
]
  .join(' ')
  .split(' ')

/**
 * Decodes the whole input, then pieces of 1 to 7 bytes, then with `fatal`; returns the code units.
 */
const BUNDLE = `export default async (request) => {
  const label = new URL(request.url).searchParams.get('label')
  const bytes = new Uint8Array(await request.arrayBuffer())
  const whole = new TextDecoder(label, { ignoreBOM: true }).decode(bytes)
  const decoder = new TextDecoder(label, { ignoreBOM: true })
  let parts = ''
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size % 7) + 1) {
    parts += decoder.decode(bytes.subarray(at, at + size), { stream: true })
  }
  parts += decoder.decode()
  let fatal = 'valid'
  try {
    new TextDecoder(label, { fatal: true }).decode(bytes)
  } catch (error) {
    fatal = error.name
  }
  const units = new Uint16Array(whole.length)
  for (let i = 0; i < whole.length; i++) units[i] = whole.charCodeAt(i)
  return new Response(units, { headers: { same: String(parts === whole), fatal } })
}`

/** Every pair of bytes, each followed by a byte that cannot continue a sequence. */
function pairs(): Uint8Array {
  const bytes = []
  for (let lead = 0; lead < 256; lead++) {
    for (let trail = 0; trail < 256; trail++) bytes.push(lead, trail, 0x20, 0x20)
  }
  return new Uint8Array(bytes)
}

/** JIS X 0212, the four bytes of gb18030, and valid and invalid escape sequences of ISO-2022-JP. */
function longer(): Uint8Array {
  const bytes = []
  for (let second = 0xa1; second < 0xff; second++) {
    for (let third = 0xa0; third < 0xff; third++) bytes.push(0x8f, second, third, 0x20, 0x20)
  }
  for (let first = 0x81; first < 0xff; first++) {
    for (let second = 0x30; second < 0x3a; second++) {
      for (const [third, fourth] of [
        [0x81, 0x30],
        [0xaf, 0x35],
        [0xfe, 0x39],
        [0x80, 0x30],
      ]) {
        bytes.push(first, second, third as number, fourth as number)
      }
    }
  }
  const alphabet = [
    0x1b, 0x24, 0x28, 0x42, 0x4a, 0x49, 0x40, 0x21, 0x30, 0x7e, 0x5c, 0x0a, 0x80, 0x0e,
  ]
  let random = 1
  for (let i = 0; i < 40_000; i++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    bytes.push(alphabet[(random >>> 16) % alphabet.length] as number)
  }
  return new Uint8Array(bytes)
}

describe('TextDecoder of', () => {
  const template = useTemplate()

  async function check(worker: TestWorker, label: string, body: Uint8Array): Promise<void> {
    const result = await worker.invoke({
      method: 'POST',
      url: `http://localhost/?label=${label}`,
      body,
      deadlineMs: 60_000,
      cpuMs: 60_000,
    })
    if (result.error !== undefined) throw new Error(result.error.message)
    const expected = new TextDecoder(label as Bun.Encoding, { ignoreBOM: true }).decode(body)
    expect(Buffer.from(result.body).equals(Buffer.from(expected, 'utf16le'))).toBe(true)
    expect(result.headers).toContainEqual(['same', 'true'])
    expect(result.headers).toContainEqual(['fatal', fatalOf(label, body)])
  }

  function fatalOf(label: string, body: Uint8Array): string {
    try {
      new TextDecoder(label as Bun.Encoding, { fatal: true }).decode(body)
      return 'valid'
    } catch {
      return 'TypeError'
    }
  }

  for (const label of ENCODINGS) {
    test(label, async () => {
      // A worker for each encoding: all together take more CPU time than a worker may use before
      // the host has set its budget.
      const worker = await template().worker({ bundle: BUNDLE })
      await check(worker, label, pairs())
      await check(worker, label, longer())
      const bytes = new Uint8Array(256).map((_, byte) => byte)
      await check(worker, label, bytes)
      await check(worker, label, new TextEncoder().encode('plain ASCII'))
      worker.close()
    })
  }
})
