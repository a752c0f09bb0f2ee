import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

describe('TextEncoder', () => {
  inWorker({
    encode: () => {
      const encoder = new TextEncoder()
      same(encoder.encoding, 'utf-8')
      same(encoder.encode(), new Uint8Array(0))
      same(encoder.encode(undefined), new Uint8Array(0))
      same(
        [...encoder.encode('a\u00e9\u20ac\u{1f600}\0')],
        [97, 195, 169, 226, 130, 172, 240, 159, 152, 128, 0],
      )
      same([...encoder.encode('\ud800x\udc00')], [239, 191, 189, 120, 239, 191, 189])
      same(encoder.encode(null as never), encoder.encode('null'))
      throws(() => encoder.encode(Symbol('s') as never), 'TypeError')
      throws(() => TextEncoder.prototype.encode.call({} as never), 'TypeError')
    },
    'encodeInto writes whole characters alone': () => {
      const encoder = new TextEncoder()
      const into = (text: string, size: number) => {
        const bytes = new Uint8Array(size)
        const { read, written } = encoder.encodeInto(text, bytes)
        return [read, written, ...bytes]
      }
      same(into('abc', 2), [2, 2, 97, 98])
      same(into('\u20ac', 2), [0, 0, 0, 0])
      same(into('\u{1f600}x', 5), [3, 5, 240, 159, 152, 128, 120])
      same(into('\u{1f600}', 3), [0, 0, 0, 0, 0])
      same(into('\ud800', 3), [1, 3, 239, 191, 189])
      same(into('', 0), [0, 0])
      const whole = new Uint8Array(4)
      same(encoder.encodeInto('xyz', whole.subarray(2)).written, 2)
      same([...whole], [0, 0, 120, 121])
    },
    'encodeInto takes a Uint8Array alone, and lives with a detached one': () => {
      const encoder = new TextEncoder()
      for (const target of [
        new Uint8ClampedArray(1),
        new Int8Array(1),
        new ArrayBuffer(1),
        [],
        null,
      ]) {
        throws(() => encoder.encodeInto('a', target as never), 'TypeError')
      }
      const bytes = new Uint8Array(8)
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      same(encoder.encodeInto('abc', bytes), { read: 0, written: 0 })
      const shrunk = new ArrayBuffer(8, { maxByteLength: 16 })
      const view = new Uint8Array(shrunk)
      const text = {
        toString() {
          shrunk.resize(1)
          return 'abc'
        },
      }
      same(encoder.encodeInto(text as never, view), { read: 1, written: 1 })
    },
  })
})

describe('TextDecoder', () => {
  inWorker({
    labels: () => {
      const name = (label: string) => new TextDecoder(label as never).encoding
      same(new TextDecoder().encoding, 'utf-8')
      for (const label of ['UTF8', ' utf-8\n', 'unicode-1-1-utf-8']) same(name(label), 'utf-8')
      for (const label of ['utf-16', 'UTF-16LE', 'ucs-2', 'unicode']) same(name(label), 'utf-16le')
      same(name('utf-16be'), 'utf-16be')
      for (const label of ['latin1', 'ascii', 'iso-8859-1', 'windows-1252', 'l1']) {
        same(name(label), 'windows-1252')
      }
      for (const label of [
        '',
        'utf',
        'utf-8 x',
        'utf\u00a08',
        'replacement',
        'utf-8\0',
        '\u017ftf-8',
      ]) {
        throws(() => new TextDecoder(label as never), 'RangeError')
      }
    },
    'broken UTF-8: one U+FFFD for each maximal part': () => {
      const decode = (...bytes: number[]) => new TextDecoder().decode(new Uint8Array(bytes))
      same(decode(0x41, 0xff, 0x42), 'A\ufffdB')
      same(decode(0xe2, 0x82), '\ufffd')
      same(decode(0xe2, 0x82, 0x41), '\ufffdA')
      same(decode(0xf0, 0x9f, 0x98, 0x41), '\ufffdA')
      same(decode(0xed, 0xa0, 0x80), '\ufffd\ufffd\ufffd')
      same(decode(0xc0, 0x80), '\ufffd\ufffd')
      same(decode(0xf4, 0x90, 0x80, 0x80), '\ufffd\ufffd\ufffd\ufffd')
      same(decode(0xf0, 0x9f, 0x98, 0x80), '\u{1f600}')
      same(decode(0x00), '\0')
    },
    fatal: () => {
      const decoder = new TextDecoder('utf-8', { fatal: true })
      same(decoder.fatal, true)
      throws(() => decoder.decode(new Uint8Array([0xff])), 'TypeError')
      throws(() => decoder.decode(new Uint8Array([0xe2, 0x82])), 'TypeError')
      same(decoder.decode(new Uint8Array([0xe2, 0x82, 0xac])), '\u20ac')
      throws(
        () => new TextDecoder('utf-16le', { fatal: true }).decode(new Uint8Array(1)),
        'TypeError',
      )
      throws(
        () => new TextDecoder('utf-16le', { fatal: true }).decode(new Uint16Array([0xd800])),
        'TypeError',
      )
    },
    streams: () => {
      const decoder = new TextDecoder()
      const bytes = new TextEncoder().encode('\ufeffh\u00e9\u20ac\u{1f600}!')
      for (let size = 1; size < bytes.length; size++) {
        let text = ''
        for (let i = 0; i < bytes.length; i += size) {
          text += decoder.decode(bytes.subarray(i, i + size), { stream: true })
        }
        same(text + decoder.decode(), 'h\u00e9\u20ac\u{1f600}!')
      }
      same(decoder.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }), '')
      same(decoder.decode(), '\ufffd')
      same(decoder.decode(new Uint8Array([0xc1]), { stream: true }), '\ufffd')
      same(decoder.decode(), '')
    },
    'UTF-16, whole and in pieces': () => {
      const le = new TextDecoder('utf-16le')
      same(le.decode(new Uint16Array([0xfeff, 0x41, 0xd83d, 0xde00])), 'A\u{1f600}')
      same(le.decode(new Uint16Array([0xd83d, 0x41, 0xde00])), '\ufffdA\ufffd')
      same(le.decode(new Uint8Array([0x41, 0x00, 0x42])), 'A\ufffd')
      same(le.decode(new Uint8Array([0x00, 0xd8, 0x00])), '\ufffd')
      const be = new TextDecoder('utf-16be')
      let text = ''
      for (const byte of [0xfe, 0xff, 0xd8, 0x3d, 0xde, 0x00, 0x00, 0x41]) {
        text += be.decode(new Uint8Array([byte]), { stream: true })
      }
      same(text + be.decode(), '\u{1f600}A')
    },
    'windows-1252': () => {
      const decoder = new TextDecoder('latin1' as never)
      same(
        decoder.decode(new Uint8Array([0x41, 0x80, 0x9f, 0xe9, 0xff, 0x81])),
        'A\u20ac\u0178\u00e9\u00ff\u0081',
      )
    },
    'every label of an encoding, and what else is near to one': () => {
      const name = (label: string) => new TextDecoder(label as never).encoding
      same(name(' GB2312\t'), 'gbk')
      same([name('x-sjis'), name('Windows-31J')], ['shift_jis', 'shift_jis'])
      same([name('iso-8859-11'), name('tis-620')], ['windows-874', 'windows-874'])
      same([name('logical'), name('visual')], ['iso-8859-8-i', 'iso-8859-8'])
      for (const label of ['iso-2022-kr', 'hz-gb-2312', 'replacement', 'gb', 'x'.repeat(1000)]) {
        throws(() => new TextDecoder(label as never), 'RangeError')
      }
    },
    'an ISO-2022-JP stream begins anew in ASCII': () => {
      const decoder = new TextDecoder('iso-2022-jp' as never)
      const lead = new Uint8Array([0x1b, 0x24, 0x42, 0x24])
      same(decoder.decode(lead, { stream: true }), '')
      same(decoder.decode(new Uint8Array([0x22, 0x1b]), { stream: true }), '\u3042')
      same(decoder.decode(), '\ufffd')
      same(decoder.decode(new Uint8Array([0x24, 0x22])), '$"')
    },
    'byte order marks': () => {
      const bom = new Uint8Array([0xef, 0xbb, 0xbf, 0x41, 0xef, 0xbb, 0xbf])
      same(new TextDecoder().decode(bom), 'A\ufeff')
      same(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bom), '\ufeffA\ufeff')
      const decoder = new TextDecoder()
      same([decoder.decode(bom), decoder.decode(bom)], ['A\ufeff', 'A\ufeff'])
    },
    'inputs: every view, no input, and values that are not buffers': () => {
      const decoder = new TextDecoder()
      const { buffer } = new TextEncoder().encode('abcd')
      same(decoder.decode(buffer as ArrayBuffer), 'abcd')
      same(decoder.decode(new DataView(buffer, 1, 2)), 'bc')
      same(decoder.decode(new Uint16Array(buffer, 2, 1)), 'cd')
      same(decoder.decode(undefined), '')
      for (const input of ['abc', [97], {}, null]) {
        throws(() => decoder.decode(input as never), 'TypeError')
      }
    },
    'a buffer that is detached while the options are read is empty': () => {
      const { buffer } = new TextEncoder().encode('abcd')
      const options = {
        get stream() {
          structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
          return false
        },
      }
      same(new TextDecoder().decode(buffer as ArrayBuffer, options), '')
    },
  })
})

describe('atob and btoa', () => {
  inWorker({
    'there and back': () => {
      same([btoa(''), btoa('a'), btoa('ab'), btoa('abc')], ['', 'YQ==', 'YWI=', 'YWJj'])
      let all = ''
      for (let i = 0; i < 256; i++) all += String.fromCharCode(i)
      same(atob(btoa(all)), all)
      same(btoa(null as never), 'bnVsbA==')
    },
    'atob forgives white space and missing padding, and nothing else': () => {
      same([atob(' YQ = = '), atob('YQ'), atob('YWI'), atob('\t\n\f\r ')], ['a', 'a', 'ab', ''])
      for (const bad of [
        'a',
        'YQ=',
        'YQ===',
        '=',
        'a\u00a0b',
        'ab\u000bcd',
        'ab-_',
        'YQ==YQ==',
        '\u0100',
      ]) {
        same(throws(() => atob(bad), 'InvalidCharacterError').code, 5)
      }
      throws(() => btoa('\u0100'), 'InvalidCharacterError')
      // @ts-expect-error no arguments
      throws(() => atob(), 'TypeError')
    },
  })
})
