/** node:buffer in the real worker: what Node 20 says to the same code. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

/** The values of these expressions, or name, code and message of what they throw. */
async function valuesOf(...expressions: string[]): Promise<unknown[]> {
  const source = `import { Buffer, transcode, isUtf8, isAscii } from 'node:buffer'
    const read = (fn) => { try { return fn() } catch (e) { return [e.name, e.code, e.message] } }
    export default () => Response.json([${expressions.map((one) => `read(() => ${one})`).join(',\n')}])`
  const worker = await zygote.worker({ bundle: await bundleOf(source) })
  try {
    return (await worker.json()) as unknown[]
  } finally {
    worker.close()
  }
}

const range = (message: string) => ['RangeError', 'ERR_OUT_OF_RANGE', message]
const type = (message: string) => ['TypeError', 'ERR_INVALID_ARG_TYPE', message]
const outOfRange = (name: string, rest: string) =>
  range(`The value of "${name}" is out of range. It must be ${rest}`)

describe('node:buffer', () => {
  test('errors have the codes and texts of Node', async () => {
    const first =
      'The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object.'
    const cases: [string, unknown][] = [
      [
        "Buffer.alloc('5')",
        type('The "size" argument must be of type number. Received type string (\'5\')'),
      ],
      ['Buffer.from(5)', type(`${first} Received type number (5)`)],
      ['Buffer.from(null)', type(`${first} Received null`)],
      ["Buffer.from('a', 'nope')", ['TypeError', 'ERR_UNKNOWN_ENCODING', 'Unknown encoding: nope']],
      [
        "Buffer.alloc(2).toString('nope')",
        ['TypeError', 'ERR_UNKNOWN_ENCODING', 'Unknown encoding: nope'],
      ],
      ['Buffer.alloc(2).readUInt16LE(1)', outOfRange('offset', '>= 0 and <= 0. Received 1')],
      ['Buffer.alloc(2).readUInt8(1.5)', outOfRange('offset', 'an integer. Received 1.5')],
      [
        'Buffer.alloc(1).readUInt32BE(0)',
        [
          'RangeError',
          'ERR_BUFFER_OUT_OF_BOUNDS',
          'Attempt to access memory outside buffer bounds',
        ],
      ],
      ['Buffer.alloc(2).writeUInt8(256)', outOfRange('value', '>= 0 and <= 255. Received 256')],
      [
        'Buffer.alloc(9).writeBigInt64LE(2n ** 63n)',
        outOfRange('value', '>= -(2n ** 63n) and < 2n ** 63n. Received 9_223_372_036_854_775_808n'),
      ],
      ['Buffer.alloc(2).readIntLE(0, 7)', outOfRange('byteLength', '>= 1 and <= 6. Received 7')],
      ["Buffer.alloc(2).write('a', 3)", outOfRange('offset', '>= 0 && <= 2. Received 3')],
      [
        'Buffer.alloc(3).swap16()',
        ['RangeError', 'ERR_INVALID_BUFFER_SIZE', 'Buffer size must be a multiple of 16-bits'],
      ],
      [
        'Buffer.from(new ArrayBuffer(4), 5)',
        ['RangeError', 'ERR_BUFFER_OUT_OF_BOUNDS', '"offset" is outside of buffer bounds'],
      ],
      [
        "Buffer.concat('x')",
        type('The "list" argument must be an instance of Array. Received type string (\'x\')'),
      ],
      [
        'Buffer.compare(1, 2)',
        type(
          'The "buf1" argument must be an instance of Buffer or Uint8Array. Received type number (1)',
        ),
      ],
      [
        'Buffer.alloc(1).indexOf({})',
        type(
          'The "value" argument must be one of type number or string or an instance of Buffer or Uint8Array. Received an instance of Object',
        ),
      ],
      [
        "transcode(Buffer.from('a'), 'hex', 'utf8')",
        [
          'Error',
          'U_ILLEGAL_ARGUMENT_ERROR',
          'Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]',
        ],
      ],
    ]
    const values = await valuesOf(...cases.map(([source]) => source))
    expect(values).toEqual(cases.map(([, value]) => value))
  })

  test('invalid UTF-8 gives one U+FFFD for each maximal subpart', async () => {
    expect(
      await valuesOf(
        'Buffer.from([0xff, 0x61]).toString()',
        'Buffer.from([0xe2, 0x82, 0x62]).toString()',
        'Buffer.from([0xf0, 0x9f, 0x98, 0x63]).toString()',
        'Buffer.from([0xc0, 0xaf]).toString()',
        'Buffer.from([0xed, 0xa0, 0x80]).toString()',
        "Buffer.from('\\ufeffx').toString().length",
      ),
    ).toEqual(['\ufffda', '\ufffdb', '\ufffdc', '\ufffd\ufffd', '\ufffd\ufffd\ufffd', 2])
  })

  test('a text in hex ends at the first pair that is none', async () => {
    expect(
      await valuesOf(
        "Buffer.alloc(4).write('ff0', 'hex')",
        "Buffer.from('ff0zz', 'hex').length",
        "Buffer.from('abxxcd', 'hex').toString('hex')",
        "Buffer.from('0', 'hex').length",
      ),
    ).toEqual([1, 1, 'ab', 0])
  })

  test('every encoding, in both directions', async () => {
    expect(
      await valuesOf(
        "Buffer.from('a-b_c=', 'base64url').toString('base64')",
        "Buffer.from('YQ==\\n', 'base64').toString()",
        "Buffer.from([251, 255]).toString('base64url')",
        "Buffer.from('é€').toString('ascii')",
        "Buffer.from('é', 'latin1').toString('hex')",
        "Buffer.from('😀', 'ucs2').toString('hex')",
        "Buffer.from([0x3d, 0xd8, 0x00]).toString('utf16le')",
        "Buffer.from('é', 'BINARY').toString('UTF-8')",
        "['utf8', 'ucs-2', 'Latin1', 'hex', 'nope', ''].map(Buffer.isEncoding)",
      ),
    ).toEqual([
      'a+b/',
      'a',
      '-_8',
      'C)b\u0002,',
      'e9',
      '3dd800de',
      '\ud83d',
      '\ufffd',
      [true, true, true, true, false, false],
    ])
  })

  test('search, comparison and conversion', async () => {
    expect(
      await valuesOf(
        "Buffer.from('this is a buffer').indexOf('a buffer')",
        "Buffer.from('aXaX', 'utf16le').indexOf('X', 3, 'utf16le')",
        "Buffer.from('abcabc').lastIndexOf('abc', -4)",
        "Buffer.from('abc').includes('zz')",
        'Buffer.from([1, 2, 3]).indexOf(258)',
        'Buffer.from([1, 2, 3]).compare(Buffer.from([1, 2, 4]))',
        "transcode(Buffer.from('€é'), 'utf8', 'latin1').toString('latin1')",
        'isUtf8(Buffer.from([0xc3, 0x28]))',
        "isAscii(Buffer.from('aé'))",
        "Buffer.alloc(5, 'ab').toString()",
        'Buffer.copyBytesFrom(new Uint16Array([1, 0xffff]), 1, 1)',
      ),
    ).toEqual([
      8,
      2,
      0,
      false,
      1,
      -1,
      '?é',
      false,
      false,
      'ababa',
      { type: 'Buffer', data: [255, 255] },
    ])
  })

  test('numbers of every size and order', async () => {
    expect(
      await valuesOf(
        'Buffer.from([1, 2, 3, 4, 5, 6]).readUIntLE(0, 6)',
        'Buffer.from([0xff, 0xfe, 3]).readInt16BE(0)',
        'Buffer.from([0xff, 0xff, 0x7f, 0x80]).readInt32LE()',
        "(b => (b.writeInt32BE(-2, 1), b.toString('hex')))(Buffer.alloc(5))",
        "(b => (b.writeUIntBE(0x123456789abc, 0, 6), b.toString('hex')))(Buffer.alloc(6))",
        "(b => (b.writeDoubleLE(1.5), b.toString('hex')))(Buffer.alloc(8))",
        'Buffer.from([0, 0, 0xc0, 0x3f]).readFloatLE()',
        "String(Buffer.from('ffffffffffffff7f', 'hex').readBigInt64LE())",
        "(b => (b.writeBigUInt64BE(0x0102030405060708n), b.toString('hex')))(Buffer.alloc(8))",
      ),
    ).toEqual([
      6618611909121,
      -2,
      -2139095041,
      '00fffffffe',
      '123456789abc',
      '000000000000f83f',
      1.5,
      '9223372036854775807',
      '0102030405060708',
    ])
  })
})
