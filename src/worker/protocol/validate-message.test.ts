import { describe, expect, test } from 'bun:test'
import { ProtocolBreach } from './messages.ts'
import { validateWorkerMessage } from './validate-message.ts'

const response = { type: 'response', id: 1, status: 200, headers: [] as unknown, end: true }
const done = { type: 'done', id: 1, cpu_us: 0, heap_bytes: 0 }

describe('a message of a worker', () => {
  test.each<[string, object]>([
    ['no type', { id: 1 }],
    ['a type of the host', { type: 'invoke', id: 1 }],
    ['a type in other case', { type: 'Pong', n: 1 }],
    ['accepted', { type: 'accepted', worker: 1 }],
    ['id 0', { ...done, id: 0 }],
    ['a negative id', { ...done, id: -1 }],
    ['a broken id', { ...done, id: 1.5 }],
    ['an id as text', { ...done, id: '1' }],
    ['an id beyond exact integers', { ...done, id: 2 ** 53 }],
    ['no id', { type: 'end' }],
    ['a negative count', { ...done, cpu_us: -1 }],
    ['bytes where none follow', { ...done, bytes: 1 }],
    ['a key that is not its own', { ...done, status: 200 }],
    ['a key of every object', { ...done, ...JSON.parse('{"__proto__":{}}') }],
    ['no heap', { type: 'done', id: 1, cpu_us: 0 }],
    ['status 199', { ...response, status: 199 }],
    ['status 600', { ...response, status: 600 }],
    ['status as text', { ...response, status: '200' }],
    ['no end', { ...response, end: undefined }],
    ['end as a number', { ...response, end: 1 }],
    ['headers as an object', { ...response, headers: { a: 'b' } }],
    ['a header without value', { ...response, headers: [['a']] }],
    ['a header of three', { ...response, headers: [['a', 'b', 'c']] }],
    ['a header name that is no token', { ...response, headers: [['a b', 'c']] }],
    ['an empty header name', { ...response, headers: [['', 'c']] }],
    ['a header name with a line break', { ...response, headers: [['a\r\nb', 'c']] }],
    ['a header value with CR', { ...response, headers: [['a', 'b\rc']] }],
    ['a header value with LF', { ...response, headers: [['a', 'b\nc']] }],
    ['a header value with NUL', { ...response, headers: [['a', 'b\0c']] }],
    ['a header value beyond a byte', { ...response, headers: [['a', '\u0100']] }],
    ['a header value as a number', { ...response, headers: [['a', 1]] }],
    ['headers over 64 KiB', { ...response, headers: [['a', 'x'.repeat(65_536)]] }],
    ['negative bytes', { ...response, bytes: -1 }],
    ['bytes as text', { ...response, bytes: '1' }],
    ['bytes over 64 KiB', { ...response, bytes: 65_537 }],
    ['a chunk of nothing', { type: 'chunk', id: 1, bytes: 0 }],
    ['a chunk without bytes', { type: 'chunk', id: 1 }],
    ['credit over the window', { type: 'credit', id: 1, bytes: 262_145 }],
    ['an unknown level', { type: 'log', level: 'fatal', message: '' }],
    ['a log without text', { type: 'log', level: 'info', message: {} }],
    ['no dropped logs', { type: 'logs-dropped', count: 0 }],
    ['more dropped logs than 32 bits count', { type: 'logs-dropped', count: 2 ** 32 }],
    ['dropped logs of an id', { type: 'logs-dropped', count: 1, id: 1 }],
    ['an unknown code', { type: 'error', id: 1, code: 'INTERNAL', message: '' }],
    ['a code every object has', { type: 'error', id: 1, code: 'toString', message: '' }],
    ['a load error of an id', { type: 'error', id: 1, code: 'BUNDLE_LOAD_ERROR', message: '' }],
    ['a stack as an array', { type: 'error', id: 1, code: 'TIMEOUT', message: '', stack: [] }],
    ['another protocol', { type: 'ready', protocol: 1, engine: 'x', init_us: 1 }],
    ['an engine without end', { type: 'ready', protocol: 2, engine: 'x'.repeat(101), init_us: 1 }],
  ])('with %s is a breach', (_what, message) => {
    expect(() => validateWorkerMessage(message)).toThrow(ProtocolBreach)
  })

  test('may carry any byte but NUL, CR and LF in a header value', () => {
    let value = ''
    for (let unit = 1; unit < 256; unit++) {
      if (unit !== 10 && unit !== 13) value += String.fromCharCode(unit)
    }
    const message = { ...response, headers: [['x-bytes', value]] }
    expect(validateWorkerMessage(message)).toBe(message as never)
  })

  test('may carry 64 KiB of headers', () => {
    const message = { ...response, headers: [['ab', 'x'.repeat(65_534)]] }
    expect(validateWorkerMessage(message)).toBe(message as never)
  })
})
