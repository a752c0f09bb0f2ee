/**
 * Objects of node:crypto that are streams, without node:stream in every bundle that makes a hash:
 * they become streams when node:stream is loaded, which announces itself here.
 */

// biome-ignore lint/suspicious/noExplicitAny: the stream constructors are called on other objects
type StreamClass = any
interface Streams {
  Transform: StreamClass
  Writable: StreamClass
}

let streams: Streams | undefined
const late: ((streams: Streams) => void)[] = []

/** node:stream calls this. */
export function provideStreams(given: Streams): void {
  streams = given
  for (const link of late.splice(0)) link(given)
}

function whenProvided(link: (streams: Streams) => void): void {
  if (streams === undefined) late.push(link)
  else link(streams)
}

const METHODS = ['write', 'end', 'pipe', 'on', 'once', 'read', 'setEncoding', 'destroy']

/** What the methods of a stream do as long as there is no node:stream. */
function withoutStreams(prototype: object): void {
  for (const name of METHODS) {
    const value = () => {
      const message = `${name} is a method of streams. Import 'node:stream' in the function to use it here`
      throw Object.assign(new Error(message), { code: 'ERR_METHOD_NOT_IMPLEMENTED' })
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}

/** The state of the stream is made when it is first used, as in Node's LazyTransform. */
function makeLazy(prototype: object, names: string[], make: (self: object) => void): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: Record<string, unknown>) {
        if (this === prototype) return undefined
        make(this)
        return this[name]
      },
      set(this: object, value: unknown) {
        const writable = { configurable: true, enumerable: true, writable: true }
        Object.defineProperty(this, name, { ...writable, value })
      },
    })
  }
}

function link(prototype: object, kind: keyof Streams, names: string[]): void {
  withoutStreams(prototype)
  whenProvided((given) => {
    for (const name of METHODS) Reflect.deleteProperty(prototype, name)
    const { [kind]: Stream } = given
    Object.setPrototypeOf(prototype, Stream.prototype)
    makeLazy(prototype, names, (self) => {
      Stream.call(self, (self as { _options?: object })._options)
      const { _writableState: state } = self as { _writableState: { decodeStrings: boolean } }
      state.decodeStrings = false
    })
  })
}

let isTransformLinked = false
let isWritableLinked = false

/** A Transform from the moment on that node:stream is loaded. */
export class LateTransform {
  declare _options: object | undefined

  constructor(options?: object) {
    Object.defineProperty(this, '_options', { value: options, writable: true, configurable: true })
    if (isTransformLinked) return
    isTransformLinked = true
    link(LateTransform.prototype, 'Transform', ['_readableState', '_writableState'])
  }
}

/** A Writable from the moment on that node:stream is loaded. */
export class LateWritable {
  declare _options: object | undefined

  constructor(options?: object) {
    Object.defineProperty(this, '_options', { value: options, writable: true, configurable: true })
    if (isWritableLinked) return
    isWritableLinked = true
    link(LateWritable.prototype, 'Writable', ['_writableState'])
  }
}
