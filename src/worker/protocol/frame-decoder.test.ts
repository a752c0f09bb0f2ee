import { describe, expect, test } from 'bun:test'
import { seeded } from '../../testing/prng.ts'
import { encodeLine } from './encode.ts'
import { FrameDecoder } from './frame-decoder.ts'
import { MAX_LINE_BYTES, MAX_PAYLOAD_BYTES } from './limits.ts'
import { ProtocolBreach, type WorkerMessage } from './messages.ts'
import { validateWorkerMessage, workerPayloadBytes } from './validate-message.ts'

type Frame = [WorkerMessage, string | undefined]

function collect(): { frames: Frame[]; decoder: FrameDecoder<WorkerMessage> } {
  const frames: Frame[] = []
  const decoder = new FrameDecoder<WorkerMessage>({
    check: validateWorkerMessage,
    payloadBytes: workerPayloadBytes,
    deliver: (message, payload) => frames.push([message, payload?.toString('latin1')]),
  })
  return { frames, decoder }
}

/** Every message that a worker may send, with payloads that look like lines. */
const STREAM = Buffer.concat([
  encode({ type: 'ready', protocol: 2, engine: 'quickjs-ng/0.17.0', init_us: 812 }),
  encode({ type: 'log', level: 'info', message: 'h\u00e4 \ud800 \0 \ud83d\ude00' }),
  encode({ type: 'response', id: 1, status: 204, headers: [], end: true }),
  encode({ type: 'response', id: 2, status: 200, headers: [['a', 'b']], end: false }, '\n{}\n'),
  encode({ type: 'chunk', id: 2 }, '\0\xff\n'),
  encode({ type: 'credit', id: 2, bytes: 65536 }),
  encode({ type: 'cancel', id: 2, reason: 'body' }),
  encode({ type: 'end', id: 2 }),
  encode({ type: 'response', id: 3, status: 200, headers: [], end: true }, ''),
  encode({ type: 'error', id: 4, code: 'HANDLER_ERROR', message: 'no', stack: 'at x\nat y' }),
  encode({ type: 'done', id: 4, cpu_us: 12, heap_bytes: 34 }),
  encode({ type: 'pong', n: 7 }),
  encode(
    {
      type: 'fetch',
      id: 'f1',
      invocation: 2,
      method: 'POST',
      url: 'http://a/',
      headers: [],
      redirect: 'follow',
      end: true,
    },
    'body\n',
  ),
])

function encode(message: object, payload?: string): Buffer {
  if (payload === undefined) return Buffer.from(encodeLine(message))
  const bytes = Buffer.from(payload, 'latin1')
  return Buffer.concat([Buffer.from(encodeLine({ ...message, bytes: bytes.length })), bytes])
}

function whole(): Frame[] {
  const { frames, decoder } = collect()
  decoder.push(STREAM)
  expect(decoder.idle).toBe(true)
  return frames
}

describe('a stream of frames', () => {
  test('gives each message with its payload', () => {
    const frames = whole()
    expect(frames.map(([message]) => message.type)).toEqual([
      ...(['ready', 'log', 'response', 'response', 'chunk', 'credit', 'cancel'] as const),
      ...(['end', 'response', 'error', 'done', 'pong', 'fetch'] as const),
    ])
    expect(frames[1]?.[0]).toMatchObject({ message: 'h\u00e4 \ud800 \0 \ud83d\ude00' })
    expect(frames[2]?.[1]).toBeUndefined()
    expect(frames[3]?.[1]).toBe('\n{}\n')
    expect(frames[4]?.[1]).toBe('\0\xff\n')
    expect(frames[8]?.[1]).toBe('')
  })

  test('means the same however it is split in two', () => {
    const expected = whole()
    for (let at = 0; at <= STREAM.length; at++) {
      const { frames, decoder } = collect()
      decoder.push(STREAM.subarray(0, at))
      decoder.push(STREAM.subarray(at))
      expect(frames).toEqual(expected)
    }
  })

  test('means the same however it is split in three', () => {
    const short = STREAM.subarray(0, 330)
    const expected = collect()
    expected.decoder.push(short)
    for (let a = 0; a <= short.length; a++) {
      for (let b = a; b <= short.length; b += 3) {
        const { frames, decoder } = collect()
        decoder.push(short.subarray(0, a))
        decoder.push(short.subarray(a, b))
        decoder.push(short.subarray(b))
        if (!Bun.deepEquals(frames, expected.frames)) throw new Error(`split at ${a} and ${b}`)
      }
    }
  })

  test('means the same byte by byte', () => {
    const { frames, decoder } = collect()
    for (let at = 0; at < STREAM.length; at++) decoder.push(STREAM.subarray(at, at + 1))
    expect(frames).toEqual(whole())
  })

  test('stops in the middle when its reader says so', () => {
    const seen: string[] = []
    const decoder = new FrameDecoder<WorkerMessage>({
      check: validateWorkerMessage,
      payloadBytes: workerPayloadBytes,
      deliver: (message) => {
        seen.push(message.type)
        if (message.type === 'chunk') decoder.stop()
      },
    })
    decoder.push(STREAM)
    decoder.push(STREAM)
    expect(seen.at(-1)).toBe('chunk')
    expect(seen).toHaveLength(5)
  })
})

describe('hostile bytes', () => {
  test('are frames or a breach, whatever was corrupted', () => {
    const first = Date.now() % 1_000_000
    let breaches = 0
    for (let seed = first; seed < first + 5000; seed++) {
      const roll = seeded(seed)
      const random = () => roll(2 ** 32) / 2 ** 32
      const bytes = corrupt(STREAM, random)
      const cut = Math.floor(random() * bytes.length)
      const whole = outcome([bytes])
      const pieces = outcome([bytes.subarray(0, cut), bytes.subarray(cut)])
      const same = Bun.deepEquals(whole, pieces)
      if (!same || whole.end === 'other') throw new Error(`seed ${seed}: ${JSON.stringify(whole)}`)
      if (whole.end === 'breach') breaches++
    }
    expect(breaches).toBeGreaterThan(1000)
  })

  test.each([
    ['deep arrays', '['.repeat(250_000)],
    ['deep and closed', `${'['.repeat(120_000)}${']'.repeat(120_000)}`],
    ['deep objects in a field', `{"type":"log","level":"info","message":${'{"a":'.repeat(40_000)}`],
    ['an empty line', ''],
    ['a number', '1'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a string', '"ready"'],
    ['NUL', '\0'],
    ['half of a message', '{"type":"pong","n":'],
    ['a type by its prototype', '{"__proto__":{"type":"pong","n":1}}'],
    ['a type every object has', '{"type":"constructor"}'],
    ['__proto__ as a type', '{"type":"__proto__"}'],
  ])('%s: a breach', (_what, line) => {
    const { frames, decoder } = collect()
    expect(() => decoder.push(Buffer.from(`${line}\n`))).toThrow(ProtocolBreach)
    expect(frames).toEqual([])
  })

  test('of two keys of one name the last one counts, and is checked', () => {
    const { frames, decoder } = collect()
    decoder.push(Buffer.from('{"type":"pong","n":"x","n":3}\n'))
    expect(frames).toEqual([[{ type: 'pong', n: 3 }, undefined]])
    expect(() => decoder.push(Buffer.from('{"type":"pong","n":3,"n":"x"}\n'))).toThrow(
      "the field 'n'",
    )
  })

  test('leave Object.prototype alone', () => {
    const { decoder } = collect()
    const line = Buffer.from('{"type":"pong","n":1,"__proto__":{"polluted":true}}\n')
    expect(() => decoder.push(line)).toThrow('unknown key')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('bounds', () => {
  const line = (length: number) => {
    const empty = encodeLine({ type: 'log', level: 'info', message: '' }).length - 1
    return encodeLine({ type: 'log', level: 'info', message: 'x'.repeat(length - empty) })
  }

  test('a line of 256 KiB passes, one byte more does not, in one piece and in many', () => {
    const { frames, decoder } = collect()
    const longest = Buffer.from(line(MAX_LINE_BYTES))
    decoder.push(longest)
    for (let at = 0; at < longest.length; at++) decoder.push(longest.subarray(at, at + 1))
    expect(frames).toHaveLength(2)
    const tooLong = Buffer.from(line(MAX_LINE_BYTES + 1))
    expect(() => decoder.push(tooLong)).toThrow('line too long')
    const dribble = () => {
      const { decoder } = collect()
      for (let at = 0; at < tooLong.length; at += 1000)
        decoder.push(tooLong.subarray(at, at + 1000))
    }
    expect(dribble).toThrow('line too long')
  })

  test('an endless line is refused before it is kept', () => {
    const { decoder } = collect()
    const part = Buffer.alloc(64 * 1024, 'x')
    expect(() => {
      for (let i = 0; i < 5; i++) decoder.push(part)
    }).toThrow('line too long')
  })

  test('a payload of 64 KiB passes, an announced byte more does not', () => {
    const { frames, decoder } = collect()
    decoder.push(encode({ type: 'chunk', id: 1 }, 'y'.repeat(MAX_PAYLOAD_BYTES)))
    expect(frames[0]?.[1]).toHaveLength(MAX_PAYLOAD_BYTES)
    const more = encodeLine({ type: 'chunk', id: 1, bytes: MAX_PAYLOAD_BYTES + 1 })
    expect(() => decoder.push(Buffer.from(more))).toThrow("the field 'bytes'")
  })
})

/** What comes of some pieces: the frames, and whether the last of them was one. */
function outcome(parts: Buffer[]): { frames: Frame[]; end: 'idle' | 'open' | 'breach' | 'other' } {
  const { frames, decoder } = collect()
  try {
    for (const part of parts) decoder.push(part)
    return { frames, end: decoder.idle ? 'idle' : 'open' }
  } catch (cause) {
    return { frames, end: cause instanceof ProtocolBreach ? 'breach' : 'other' }
  }
}

/** Flips, inserts, removes or repeats a few bytes, or announces a huge length. */
function corrupt(bytes: Buffer, random: () => number): Buffer {
  let out = Buffer.from(bytes)
  const times = 1 + Math.floor(random() * 4)
  for (let i = 0; i < times; i++) {
    const at = Math.floor(random() * out.length)
    const length = 1 + Math.floor(random() * 8)
    const noise = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
    const kind = Math.floor(random() * 5)
    if (kind === 0) out[at] = Math.floor(random() * 256)
    else if (kind === 1) out = Buffer.concat([out.subarray(0, at), noise, out.subarray(at)])
    else if (kind === 2) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)])
    else if (kind === 3) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)])
    else out = withHugeLength(out, at, random)
  }
  return out
}

/** In place of the next number behind `at`. */
function withHugeLength(bytes: Buffer, at: number, random: () => number): Buffer<ArrayBuffer> {
  const text = bytes.toString('latin1')
  const huge = ['65537', '4294967296', '9007199254740993', '1e308', '-1', '0.5'][
    Math.floor(random() * 6)
  ]
  return Buffer.from(text.slice(0, at) + text.slice(at).replace(/\d+/, huge as string), 'latin1')
}
