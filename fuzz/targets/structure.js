// structuredClone of a graph with everything that can be cloned or transferred, console's text for it, and the entries
// of performance: the copy has the same shape, and transferred objects are detached.
const decoder = new TextDecoder()
const VIEWS = [Uint8Array, Int16Array, Float64Array, BigInt64Array, DataView, Uint8ClampedArray]
const FAILURES = [Error, TypeError, RangeError, DOMException, AggregateError]

export default async (bytes) => {
  const input = { bytes, at: 0, made: [], depth: 0 }
  const value = make(input)
  const buffers = input.made.filter((part) => part instanceof ArrayBuffer && !part.resizable)
  const streams = input.made.filter((part) => part instanceof ReadableStream)
  const transfer = byte(input) & 1 ? [...buffers, ...streams] : buffers.slice(0, byte(input) & 3)
  console.log(value, ...input.made.slice(0, 3))
  const sizes = buffers.map((buffer) => buffer.byteLength)
  const before = shape(value, new Map())
  try {
    const copy = structuredClone(value, { transfer })
    const after = shape(copy, new Map())
    if (before !== after) throw new Error(`${before}, in the copy ${after}`)
    console.table(copy)
  } catch (error) {
    if (error.name !== 'DataCloneError') throw error
    for (const [i, buffer] of buffers.entries())
      if (buffer.byteLength !== sizes[i]) throw new Error('transferred, although it failed')
    return
  }
  for (const part of transfer)
    if (part instanceof ArrayBuffer && !part.detached)
      throw new Error('transferred, and still here')
}

const byte = (input) => input.bytes[input.at++] ?? 0

function text(input) {
  const length = byte(input) & 15
  input.at += length
  return decoder.decode(input.bytes.subarray(input.at - length, input.at))
}

const MAKERS = [
  (input) => text(input),
  (input) => byte(input) - 128,
  (input) => [undefined, null, true, -0, Number.NaN, 2n ** 70n][byte(input) % 6],
  (input) => list(input),
  (input) => Object.fromEntries(list(input).map((value) => [text(input), value])),
  (input) => new Map(list(input).map((value) => [make(input), value])),
  (input) => new Set(list(input)),
  (input) => new Date((byte(input) - 128) * 1e13),
  (input) => new RegExp(RegExp.escape(text(input)), 'dgy'.slice(byte(input) & 3)),
  (input) => new FAILURES[byte(input) % 3](text(input), { cause: make(input) }),
  (input) => new DOMException(text(input), text(input)),
  (input) => new ArrayBuffer(byte(input), byte(input) & 1 ? { maxByteLength: 256 } : undefined),
  view,
  (input) => new Blob([text(input)], { type: text(input) }),
  (input) => new File([text(input)], text(input), { lastModified: byte(input) }),
  (input) => Object(make(input) ?? text(input)),
  (input) => input.made[byte(input) % (input.made.length + 1)],
  (input) => measure(text(input), text(input), byte(input)),
  () => new ReadableStream(),
  () => Symbol('not to be cloned'),
]

function make(input) {
  if (input.depth > 40 || input.at >= input.bytes.length) return undefined
  input.depth++
  const value = MAKERS[byte(input) % MAKERS.length](input)
  input.depth--
  if (typeof value === 'object' && value !== null) input.made.push(value)
  return value
}

function list(input) {
  const values = []
  input.made.push(values)
  for (let left = byte(input) & 7; left > 0; left--) values.push(make(input))
  return values
}

function view(input) {
  const kind = VIEWS[byte(input) % VIEWS.length]
  const buffer = new ArrayBuffer(
    byte(input) & 0xf8,
    byte(input) & 1 ? { maxByteLength: 256 } : undefined,
  )
  input.made.push(buffer)
  const offset = Math.min((byte(input) & 31) * 8, buffer.byteLength)
  return byte(input) & 1 ? new kind(buffer, offset) : new kind(buffer, 0, 0)
}

function measure(name, detail, how) {
  const marked = performance.mark(name, { detail, startTime: how })
  const measured = performance.measure(name, { start: how & 1 ? name : how, end: how * 2, detail })
  if (marked.startTime !== how || measured.startTime !== how) throw new Error('startTime')
  if (performance.getEntriesByName(name).length < 2) throw new Error('getEntriesByName')
  performance.clearMarks(name)
  performance.clearMeasures()
  return { ...marked.toJSON(), duration: measured.duration }
}

/** A text of what a value is, in which one and the same object is named by where it was seen first. */
function shape(value, seen) {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
  if (seen.has(value)) return `#${seen.get(value)}`
  seen.set(value, seen.size)
  const kind = Object.prototype.toString.call(value)
  const inner = (parts) => `${kind}(${[...parts].map((part) => shape(part, seen)).join()})`
  if (value instanceof Map) return inner([...value].flat(1))
  if (value instanceof Set) return inner(value)
  if (value instanceof Date) return `${kind}${value.getTime()}`
  if (value instanceof RegExp) return `${kind}${value}`
  if (value instanceof Error) return inner([value.name, value.message, value.cause])
  if (value instanceof Blob) return `${kind}${value.size} ${value.type} ${value.name}`
  if (value instanceof ArrayBuffer) return `${kind}${value.byteLength} ${value.resizable}`
  if (ArrayBuffer.isView(value)) return inner([value.byteOffset, value.byteLength, value.buffer])
  if (value instanceof ReadableStream) return kind
  if (kind !== '[object Object]' && !Array.isArray(value))
    return `${kind}${value.valueOf().toString()}`
  return inner(Object.entries(value).flat(1))
}
