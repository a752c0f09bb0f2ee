// The native functions of node:zlib, which a bundle can call with anything: streams in any order of calls, buffers,
// offsets and options that lie. They answer, or throw a TypeError or a RangeError; and the round trip.
import * as exports from 'fn:zlib'

const native = { ...exports }

const EXPECTED = new Set(['TypeError', 'RangeError'])
const [DEFLATE, INFLATE] = [1, 2]
const FINISH = 4
const STREAM_END = 1
const MOST = 256 * 1024
const detached = new Uint8Array(20)
detached.buffer.transfer()
const shrinking = new Uint8Array(new ArrayBuffer(64, { maxByteLength: 64 }))

class Input {
  constructor(bytes) {
    this.rest = bytes
  }
  byte() {
    const [first = 0] = this.rest
    this.rest = this.rest.subarray(1)
    return first
  }
  run() {
    const length = this.byte()
    const run = this.rest.subarray(0, length)
    this.rest = this.rest.subarray(length)
    return run
  }
  pick(list) {
    return list[this.byte() % list.length]
  }
  number() {
    return this.pick([
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      8,
      9,
      15,
      16,
      47,
      64,
      2 ** 31,
      2 ** 32 - 1,
      -1,
      -15,
      0.5,
    ])
  }
  buffer() {
    return this.pick([
      this.rest.slice(),
      new Uint8Array(this.byte()),
      detached,
      shrinking,
      this.rest.slice().buffer,
      new DataView(new ArrayBuffer(16), 3, 5),
      undefined,
      'text',
      { valueOf: () => shrinking.buffer.resize(1) },
    ])
  }
}

/** Calls in any order, on one stream. */
function wild(input) {
  const dictionary = input.pick([undefined, undefined, input.run(), detached])
  const codec = attempt(() =>
    native.open(
      input.byte() % 9,
      input.number(),
      input.number(),
      input.number(),
      input.number(),
      dictionary,
    ),
  )
  for (let i = input.byte() & 15; i > 0; i--) {
    const state = input.pick([new Uint32Array(2), new Uint32Array(2), new Uint8Array(3), detached])
    const call = input.pick([
      () => step(codec, input, state),
      () => step(codec, input, state),
      () => step(codec, input, state),
      () => native.message(codec),
      () => native.params(codec, input.number(), input.number()),
      () => native.reset(codec),
      () => native.close(codec),
      () => native.crc32(input.buffer(), input.number()),
    ])
    attempt(call)
  }
}

function step(codec, input, state) {
  const shrink = {
    valueOf() {
      shrinking.buffer.resize(0)
      return 4
    },
  }
  const number = () => input.pick([input.number(), input.byte(), input.byte(), shrink])
  const [from, to] = [input.buffer(), input.buffer()]
  native.step(codec, input.byte() % 8, from, number(), number(), to, number(), number(), state)
  shrinking.buffer.resize(64)
}

/** What was compressed in pieces is read again in other pieces. */
function roundTrip(input) {
  const bits = 9 + (input.byte() % 7)
  const memory = 1 + (input.byte() % 9)
  const [level, strategy] = [(input.byte() % 11) - 1, input.byte() % 5]
  const pieces = [(input.byte() & 63) + 1, (input.byte() & 63) + 1]
  const data = input.rest
  const packed = through(
    native.open(DEFLATE, bits, level, memory, strategy, undefined),
    data,
    pieces,
  )
  const back = through(native.open(INFLATE, bits, 0, 0, 0, undefined), packed, pieces.toReversed())
  if (back.length !== data.length || back.some((byte, i) => byte !== data[i]))
    throw new Error('there and back')
}

function through(codec, data, [take, give]) {
  const state = new Uint32Array(2)
  const out = new Uint8Array(give)
  const made = []
  let at = 0
  for (;;) {
    const length = Math.min(take, data.length - at)
    const flush = at + length === data.length ? FINISH : 0
    const status = native.step(codec, flush, data, at, length, out, 0, give, state)
    const [outLeft, inLeft] = state
    made.push(...out.subarray(0, give - outLeft))
    at += length - inLeft
    if (status === STREAM_END || made.length > MOST) break
    if (status < 0 && status !== -5) throw new Error(`zlib: ${status}`)
  }
  native.close(codec)
  return new Uint8Array(made)
}

function attempt(call) {
  try {
    return call()
  } catch (error) {
    if (!EXPECTED.has(error.name) || error.message === '') throw error
    return undefined
  }
}

export default (bytes) => {
  const input = new Input(bytes)
  input.pick([wild, wild, roundTrip])(input)
}
