/** Makes the golden frames of protocol/golden from the description of the messages. */
import { readFileSync } from 'node:fs'
import { asciiJson, encodeLine } from '../src/worker/protocol/encode.ts'
import type { Field, Limit, MessageDescription } from './generate-protocol.ts'

type Fields = Record<string, unknown>
type Runtime = 'quickjs-ng' | 'bun'
type Frame = { message: Fields; payload?: string }

export interface GoldenCase {
  file: string
  direction: 'host-to-worker' | 'worker-to-host'
  shows: string
  valid: boolean
  /** Part of the error with which the host refuses it. */
  breach?: string
  /** The workers that end with EXIT_BREACH for it; the others do not look at what is wrong in it. */
  endsWorkers?: Runtime[]
}

export interface GoldenConversation {
  name: string
  shows: string
  /** The host sends one file, and the worker answers with what the other holds. */
  steps: { send: string; answer: string }[]
  /** The worker exits with this status afterwards. */
  exits?: number
}

export interface GoldenIndex {
  frames: GoldenCase[]
  conversations: GoldenConversation[]
}

const HEADERS = [
  ['content-type', 'text/plain'],
  ['x-byte', '\u00ff'],
]
const PAYLOAD = 'hello'
const BOTH: Runtime[] = ['quickjs-ng', 'bun']
const CAPABILITIES = {
  ...{ allowFilesystem: false, allowedPaths: [], allowNetwork: false, allowedDomains: [] },
  ...{ allowChildProcess: false, allowEval: false, maxMemory: 104_857_600, maxCpu: 30_000 },
  ...{ maxFileDescriptors: 10, projectId: 'default' },
}
const DETAILS = {
  ...{ function: 'golden', function_id: 'func-golden', project: 'default', version: 'v1' },
  ...{ handler: 'default', env: { GREETING: 'h\u00e9' } },
}

const toBytes = ({ message, payload = '' }: Frame) =>
  Buffer.concat([Buffer.from(encodeLine(message), 'latin1'), Buffer.from(payload, 'latin1')])

/** Texts of a form of their own. */
const EXAMPLES: Record<string, string> = {
  url: 'http://localhost/a?b=c',
  client: '2001:db8::1',
}

export class GoldenFrames {
  readonly files = new Map<string, Uint8Array>()
  readonly #index: GoldenIndex = { frames: [], conversations: [] }
  readonly #limits: Map<string, number>

  constructor(messages: MessageDescription[], limits: Limit[]) {
    this.#limits = new Map(limits.map(({ name, value }) => [name, value]))
    this.#start()
    for (const message of messages) {
      if (message.from === 'host' || message.from === 'both') this.#ofHost(message)
      if (message.from === 'worker' || message.from === 'both') this.#ofWorker(message)
    }
    this.#linesOfWorker()
    this.#breachesOfHost()
    this.#conversations()
    const index = `${JSON.stringify(this.#index, null, 2)}\n`
    this.files.set('index.json', Buffer.from(index))
  }

  #limit(bound: number | string | undefined): number | undefined {
    if (typeof bound !== 'string') return bound
    const value = this.#limits.get(bound)
    if (value === undefined) throw new Error(`protocol/limits.json has no ${bound}`)
    return value
  }

  #add(name: string, bytes: Uint8Array, about: Omit<GoldenCase, 'file' | 'direction'>): void {
    const ofHost = name.startsWith('host/')
    const file = `${name}.frames`
    this.files.set(file, bytes)
    const direction = ofHost ? 'host-to-worker' : 'worker-to-host'
    this.#index.frames.push({ file, direction, ...about })
  }

  #example(field: Field): unknown {
    switch (field.type) {
      case 'integer':
        return field.name === 'status' ? 200 : (field.min ?? 0) + (field.max === field.min ? 0 : 1)
      case 'boolean':
        return false
      case 'enum':
        return field.values?.[0]
      case 'headers':
        return HEADERS
      case 'fetchId':
        return 'f1'
      case 'bodyId':
        return 1
      case 'token':
        return 'GET'
      default:
        return EXAMPLES[field.name] ?? `a ${field.name} \u00e9`
    }
  }

  /** With all its fields, or with the required ones only. */
  #frame(message: MessageDescription, full: boolean): Frame {
    const fields: Fields = { type: message.type }
    for (const field of message.fields) {
      if (field.optional && !full) continue
      const isLength = field.name === 'bytes' && message.payload !== undefined
      fields[field.name] = isLength ? PAYLOAD.length : this.#example(field)
    }
    const hasPayload = message.payload !== undefined && fields.bytes !== undefined
    return hasPayload ? { message: fields, payload: PAYLOAD } : { message: fields }
  }

  #start(): void {
    const bundle = readFileSync(`${import.meta.dir}/../protocol/golden/bundle.js`, 'latin1')
    const payload = `${asciiJson(DETAILS)}\n${bundle}`
    const limits = {
      ...{ memory_bytes: 104_857_600, cpu_ms: 30_000, fds: 10, load_ms: 10_000 },
      ...{ load_cpu_ms: 5_000, background_ms: 30_000, background_cpu_percent: 10 },
    }
    const message = {
      ...{ type: 'start', protocol: this.#limit('PROTOCOL_VERSION'), worker: 1, limits },
      ...{ capabilities: CAPABILITIES, bytes: payload.length },
    }
    const shows = 'start, with the bundle of the conversations'
    this.#add('host/start', toBytes({ message, payload }), { shows, valid: true })
  }

  #ofHost(message: MessageDescription): void {
    if (message.type === 'start') return
    const add = (suffix: string, frame: Frame, shows: string) =>
      this.#add(`host/${message.type}${suffix}`, toBytes(frame), {
        shows: `${message.type}, ${shows}`,
        valid: true,
      })
    add('', this.#frame(message, false), 'the required fields only')
    if (message.fields.some(({ optional }) => optional)) {
      add('-full', this.#frame(message, true), 'all fields, with a payload')
    }
    if (message.fields.some(({ type }) => type === 'bodyId')) {
      const frame = this.#frame(message, true)
      frame.message.id = 'f1'
      add('-of-fetch', frame, 'of a fetch')
    }
  }

  #ofWorker(message: MessageDescription): void {
    const { type } = message
    const valid = (suffix: string, frame: Frame, shows: string) =>
      this.#add(`worker/${type}${suffix}`, toBytes(frame), {
        shows: `${type}, ${shows}`,
        valid: true,
      })
    const invalid = (suffix: string, fields: Fields, shows: string, breach: string, payload = '') =>
      this.#add(`worker/${type}-${suffix}`, toBytes({ message: fields, payload }), {
        ...{ shows: `${type}, ${shows}`, valid: false, breach },
      })
    const least = this.#frame(message, false)
    // A code that the bundle alone may cause comes without an id.
    valid('', least, 'the required fields only')
    if (message.fields.some(({ optional }) => optional)) {
      valid('-full', this.#frame(message, true), 'all fields')
    }
    invalid('unknown-key', { ...least.message, more: 1 }, 'an unknown key', 'unknown key')
    for (const field of message.fields) {
      const { name } = field
      const base = this.#frame(message, true)
      const breach = `'${name}'`
      if (!field.optional) {
        const { [name]: _, ...rest } = base.message
        invalid(`without-${name}`, rest, `without ${name}`, breachOf(field, breach))
      }
      const wrong = { ...base.message, [name]: { wrong: 'type' } }
      invalid(`wrong-${name}`, wrong, `a ${name} of the wrong type`, breachOf(field, breach))
      if (field.type === 'integer') this.#bounds(message, field, valid, invalid)
      if (field.type === 'enum') this.#values(field, base, valid, invalid, type)
      if (field.type === 'bodyId') {
        const frame = { ...base, message: { ...base.message, id: 'f1' } }
        valid('-of-fetch', frame, 'of a fetch')
        for (const id of ['f0', 'f01', 'g1', '1', 0, -1, 1.5]) {
          const shows = `the id ${JSON.stringify(id)}`
          invalid(`id-${id}`, { ...base.message, id }, shows, breach)
        }
      }
      if (field.type === 'headers') this.#headers(message, valid, invalid)
      if (field.maxLength !== undefined) {
        const max = this.#limit(field.maxLength) as number
        const of = (length: number) => ({ ...base.message, [name]: 'x'.repeat(length) })
        valid(`-longest-${name}`, { ...base, message: of(max) }, `the longest ${name}`)
        invalid(`long-${name}`, of(max + 1), `a ${name} that is too long`, breach)
      }
      if (field.type === 'token') {
        for (const method of ['G T', 'CONNECT', 'trace', 'Track', '']) {
          const shows = `the method ${JSON.stringify(method)}`
          const slug = method.replace(' ', '-') || 'empty'
          invalid(`method-${slug}`, { ...base.message, method }, shows, breach)
        }
      }
    }
  }

  #bounds(message: MessageDescription, field: Field, valid: Valid, invalid: Invalid): void {
    const { name } = field
    const min = this.#limit(field.min)
    const max = this.#limit(field.max)
    const isLength = name === 'bytes' && message.payload !== undefined
    const frame = (value: number): Frame => {
      const { message: fields, payload } = this.#frame(message, true)
      const bytes = isLength ? 'x'.repeat(Math.max(0, value)) : (payload ?? '')
      return { message: { ...fields, [name]: value }, payload: bytes }
    }
    const breach = breachOf(field, `'${name}'`)
    if (min !== undefined) {
      valid(`-least-${name}`, frame(min), `the least ${name}`)
      invalid(`small-${name}`, frame(min - 1).message, `a ${name} that is too small`, breach)
    }
    if (max !== undefined) {
      if (max !== min) valid(`-most-${name}`, frame(max), `the largest ${name}`)
      invalid(`large-${name}`, frame(max + 1).message, `a ${name} that is too large`, breach)
    }
  }

  #values(field: Field, base: Frame, valid: Valid, invalid: Invalid, type: string): void {
    const { name, values = [] } = field
    for (const value of values) {
      const message: Fields = { ...base.message, [name]: value }
      // Only a bundle fails to load, and a bundle has no id.
      if (value === 'BUNDLE_LOAD_ERROR') {
        invalid('load-of-invocation', message, 'BUNDLE_LOAD_ERROR with an id', `'${name}'`)
        delete message.id
      }
      valid(`-${value}`, { ...base, message }, `${name} ${value}`)
    }
    const message = { ...base.message, [name]: `no-${type}` }
    invalid(`unknown-${name}`, message, `an unknown ${name}`, `'${name}'`)
  }

  #headers(message: MessageDescription, valid: Valid, invalid: Invalid): void {
    const count = this.#limit('MAX_HEADERS') as number
    const bytes = this.#limit('MAX_HEADERS_BYTES') as number
    const { message: fields } = this.#frame(message, false)
    const of = (headers: unknown) => ({ ...fields, headers })
    const many = (n: number) => Array.from({ length: n }, () => ['a', ''])
    const large = (n: number) => [['a', 'x'.repeat(n - 1)]]
    valid('-most-headers', { message: of(many(count)) }, 'as many headers as may be')
    valid('-largest-headers', { message: of(large(bytes)) }, 'headers as large as may be')
    invalid('many-headers', of(many(count + 1)), 'too many headers', 'cannot be a message')
    invalid('large-headers', of(large(bytes + 1)), 'headers that are too large', 'too large')
    invalid('header-name', of([['a b', '']]), 'a header name that is no token', 'header name')
    invalid('header-value', of([['a', 'b\r\nc']]), 'a line break in a header', 'header value')
    invalid('header-beyond-byte', of([['a', '\u0100']]), 'a header beyond a byte', 'header value')
    invalid('header-no-pair', of([['a']]), 'a header that is no pair', "'headers'")
  }

  #linesOfWorker(): void {
    const max = this.#limit('MAX_LINE_BYTES') as number
    const log = (length: number) => {
      const empty = encodeLine({ type: 'log', level: 'info', message: '' }).length - 1
      return toBytes({
        message: { type: 'log', level: 'info', message: 'x'.repeat(length - empty) },
      })
    }
    this.#add('worker/longest-line', log(max), { shows: 'the longest line', valid: true })
    const lines: [string, Uint8Array, string, string][] = [
      ['long-line', log(max + 1), 'a line that is too long', 'line too long'],
      ['endless-line', Buffer.alloc(max + 1, 'x'), 'a line without end', 'line too long'],
      ['no-json', Buffer.from('hello\n'), 'a line that is not JSON', 'not JSON'],
      ['empty-line', Buffer.from('\n'), 'an empty line', 'not JSON'],
      ['array', Buffer.from('[]\n'), 'an array', 'message type'],
      ['null', Buffer.from('null\n'), 'null', 'not a JSON object'],
      ['unknown-type', Buffer.from('{"type":"exec"}\n'), 'an unknown type', 'message type'],
      [
        'type-of-object',
        Buffer.from('{"type":"constructor"}\n'),
        'a type that every object has',
        'message type',
      ],
      ['of-host', Buffer.from('{"type":"ping","n":1}\n'), 'a message of the host', 'message type'],
      ['nested', Buffer.from(`${'['.repeat(2000)}\n`), 'deep nesting', 'cannot be a message'],
    ]
    for (const [name, bytes, shows, breach] of lines) {
      this.#add(`worker/${name}`, bytes, { shows, valid: false, breach })
    }
  }

  /** The host is trusted: a worker looks at what it needs, and ends itself where that is wrong. */
  #breachesOfHost(): void {
    const max = this.#limit('MAX_LINE_BYTES') as number
    const payload = (this.#limit('MAX_PAYLOAD_BYTES') as number) + 1
    const quickjs: Runtime[] = ['quickjs-ng']
    const invoke = (change: Fields) =>
      encodeLine({
        ...{ type: 'invoke', id: 1, method: 'GET', url: 'http://localhost/never', headers: [] },
        ...{ deadline_ms: 5000, cpu_ms: 1000, end: true, ...change },
      })
    const cases: [string, string, string, Runtime[]][] = [
      ['long-line', `{"type":"ping","n":1,"x":"${'y'.repeat(max)}"}\n`, 'a line too long', BOTH],
      ['endless-line', 'x'.repeat(max + 2), 'a line without end', BOTH],
      ['no-json', 'hello\n', 'a line that is not JSON', BOTH],
      ['empty-line', '\n', 'an empty line', BOTH],
      ['array', '[]\n', 'an array', BOTH],
      ['no-type', '{"n":1}\n', 'no type', BOTH],
      ['unknown-type', '{"type":"exec"}\n', 'an unknown type', BOTH],
      [
        'large-payload',
        `{"type":"chunk","id":1,"bytes":${payload}}\n`,
        'a payload too large',
        quickjs,
      ],
      ['negative-payload', '{"type":"chunk","id":1,"bytes":-1}\n', 'a negative length', quickjs],
      ['ping-without-n', '{"type":"ping"}\n', 'a ping without its number', quickjs],
      [
        'unused-id',
        '{"type":"cancel","id":7,"reason":"x"}\n',
        'an id that was never used',
        quickjs,
      ],
      ['second-id', invoke({}) + invoke({}), 'an id that does not rise', quickjs],
      ['invoke-without-url', invoke({ url: undefined }), 'an invoke without a url', quickjs],
      [
        'header-beyond-byte',
        invoke({ headers: [['a', '\u0100']] }),
        'a header beyond a byte',
        quickjs,
      ],
      [
        'credit-unspent',
        `${invoke({})}{"type":"credit","id":1,"bytes":1}\n`,
        'credit for bytes that were not sent',
        BOTH,
      ],
    ]
    for (const [name, text, shows, endsWorkers] of cases) {
      const about = { shows, valid: false, endsWorkers }
      this.#add(`host/invalid-${name}`, Buffer.from(text, 'latin1'), about)
    }
    const part = `{"type":"chunk","id":1,"bytes":${payload - 1}}\n${'x'.repeat(payload - 1)}`
    this.#add(
      'host/invalid-beyond-credit',
      Buffer.from(invoke({ method: 'POST', end: false }) + part.repeat(5), 'latin1'),
      {
        shows: 'more of a body than the window holds',
        valid: false,
        endsWorkers: BOTH,
      },
    )
  }

  #conversations(): void {
    const invoke = (path: string, change: Fields = {}) => ({
      ...{ type: 'invoke', id: 1, method: 'GET', url: `http://localhost${path}`, headers: [] },
      ...{ deadline_ms: 5000, cpu_ms: 1000, end: true, ...change },
    })
    const answer = (payload: string, id = 1): Frame[] => [
      {
        message: {
          type: 'response',
          id,
          status: 200,
          headers: [],
          bytes: payload.length,
          end: true,
        },
        payload,
      },
      done(id),
    ]
    const done = (id: number): Frame => ({
      message: { type: 'done', id, cpu_us: 0, heap_bytes: 0 },
    })
    const failed = (code: string, message: string): Frame[] => [
      { message: { type: 'error', id: 1, code, message } },
      done(1),
    ]
    const fetch: Frame = {
      message: {
        ...{ type: 'fetch', id: 'f1', invocation: 1, method: 'GET', url: 'http://upstream.test/' },
        ...{ headers: [], redirect: 'follow', end: true },
      },
    }
    const pong = (n: number): Frame => ({ message: { type: 'pong', n } })
    const log = { type: 'log', id: 1, level: 'warn', message: 'hi' }
    type Steps = [send: Frame[], answer: Frame[]][]
    const all: [string, string, Steps, number?][] = [
      ['hello', 'a request and its response', [[[{ message: invoke('/') }], answer('ok')]]],
      [
        'twice',
        'two requests in one write',
        [
          [
            [{ message: invoke('/') }, { message: invoke('/', { id: 2 }) }],
            [...answer('ok'), ...answer('ok', 2)],
          ],
        ],
      ],
      [
        'echo',
        'a request body in three parts',
        [
          [
            [
              {
                message: invoke('/echo', { method: 'POST', bytes: 3, end: false }),
                payload: 'one',
              },
              { message: { type: 'chunk', id: 1, bytes: 4 }, payload: ' two' },
              { message: { type: 'chunk', id: 1, bytes: 6 }, payload: ' three' },
              { message: { type: 'end', id: 1 } },
            ],
            answer('one two three'),
          ],
        ],
      ],
      [
        'stream',
        'a response body that comes in parts',
        [[[{ message: invoke('/stream') }], answer('one two three')]],
      ],
      [
        'throw',
        'a handler that throws',
        [[[{ message: invoke('/throw') }], failed('HANDLER_ERROR', 'Error: broken')]],
      ],
      [
        'nothing',
        'a handler that returns no Response',
        [[[{ message: invoke('/nothing') }], failed('INVALID_RESPONSE', '')]],
      ],
      [
        'log',
        'a log, with the id of its invocation',
        [[[{ message: invoke('/log') }], [{ message: log }, ...answer('ok')]]],
      ],
      [
        'fetch',
        'a fetch and its response',
        [
          [[{ message: invoke('/fetch') }], [fetch]],
          [
            [
              {
                message: {
                  type: 'fetch-response',
                  id: 'f1',
                  status: 200,
                  statusText: 'OK',
                  url: 'http://upstream.test/',
                  redirected: false,
                  headers: [],
                  end: false,
                },
              },
              { message: { type: 'chunk', id: 'f1', bytes: 2 }, payload: 'up' },
              { message: { type: 'end', id: 'f1' } },
            ],
            answer('up'),
          ],
        ],
      ],
      [
        'fetch-error',
        'a fetch that is refused',
        [
          [[{ message: invoke('/fetch') }], [fetch]],
          [
            [
              {
                message: {
                  type: 'fetch-error',
                  id: 'f1',
                  code: 'REFUSED',
                  reason: 'ERR_POLICY',
                  message: 'no',
                },
              },
            ],
            answer('TypeError'),
          ],
        ],
      ],
      ['ping', 'a ping', [[[{ message: { type: 'ping', n: 1 } }], [pong(1)]]]],
      [
        'cancel',
        'a request that is cancelled',
        [
          [[{ message: invoke('/never') }, { message: { type: 'ping', n: 1 } }], [pong(1)]],
          [[{ message: { type: 'cancel', id: 1, reason: 'client' } }], [done(1)]],
          [
            [{ message: { type: 'credit', id: 1, bytes: 1 } }, { message: { type: 'ping', n: 2 } }],
            [pong(2)],
          ],
        ],
      ],
      [
        'disconnect',
        'a request whose client is gone, and whose handler goes on',
        [
          [[{ message: invoke('/slow') }, { message: { type: 'ping', n: 1 } }], [pong(1)]],
          [
            [{ message: { type: 'disconnect', id: 1, reason: 'client' } }],
            [
              { message: { ...log, message: 'AbortError' } },
              {
                message: { type: 'response', id: 1, status: 200, headers: [], end: true },
              },
              done(1),
            ],
          ],
        ],
      ],
      [
        'shutdown',
        'a worker that is asked to go',
        [[[{ message: { type: 'shutdown', grace_ms: 1000, reason: 'it was idle' } }], []]],
        0,
      ],
    ]
    for (const [name, shows, steps, exits] of all) {
      const written = steps.map(([send, expected], at) => {
        const file = (what: string) => `conversations/${name}-${at + 1}.${what}.frames`
        this.files.set(file('host'), Buffer.concat(send.map(toBytes)))
        this.files.set(file('worker'), Buffer.concat(expected.map(toBytes)))
        return { send: file('host'), answer: file('worker') }
      })
      this.#index.conversations.push({
        name,
        shows,
        steps: written,
        ...(exits !== undefined && { exits }),
      })
    }
  }
}

type Valid = (suffix: string, frame: Frame, shows: string) => void
type Invalid = (suffix: string, fields: Fields, shows: string, breach: string) => void

/** A version is refused by its own message. */
function breachOf(field: Field, breach: string): string {
  return field.name === 'protocol' ? 'protocol version' : breach
}
