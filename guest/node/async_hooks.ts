/** AsyncLocalStorage on the async context that the engine carries: https://nodejs.org/api/async_context.html */
import { current, enter, run } from 'fn:async'

/** The values in effect at a point of the program. A map is never changed, only replaced by a copy. */
type Frame = ReadonlyMap<object, unknown> | undefined

function frameWith(storage: object, store: unknown): Frame {
  return new Map(current() as Frame).set(storage, store)
}

function frameWithout(storage: object): Frame {
  const frame = new Map(current() as Frame)
  frame.delete(storage)
  return frame
}

export class AsyncLocalStorage<T> {
  readonly #defaultValue: T | undefined
  readonly name: string

  constructor({ defaultValue, name = '' }: { defaultValue?: T; name?: string } = {}) {
    this.#defaultValue = defaultValue
    this.name = name
  }

  static bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    const frame = current()
    return function (this: unknown, ...args: A): R {
      return run(frame, () => fn.apply(this, args)) as R
    }
  }

  static snapshot(): <A extends unknown[], R>(fn: (...args: A) => R, ...args: A) => R {
    const frame = current()
    return (fn, ...args) => run(frame, () => fn(...args)) as ReturnType<typeof fn>
  }

  getStore(): T | undefined {
    const frame = current() as Frame
    return frame?.has(this) ? (frame.get(this) as T) : this.#defaultValue
  }

  run<A extends unknown[], R>(store: T, fn: (...args: A) => R, ...args: A): R {
    return run(frameWith(this, store), () => fn(...args)) as R
  }

  exit<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    return run(frameWithout(this), () => fn(...args)) as R
  }

  enterWith(store: T): void {
    enter(frameWith(this, store))
  }

  disable(): void {
    enter(frameWithout(this))
  }
}

export class AsyncResource {
  readonly type: string
  readonly #frame = current()

  constructor(type: string) {
    this.type = type
  }

  static bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    return AsyncLocalStorage.bind(fn)
  }

  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
    const resource = this
    return function (this: unknown, ...args: A): R {
      return resource.runInAsyncScope(fn, this, ...args)
    }
  }

  runInAsyncScope<A extends unknown[], R>(
    fn: (this: unknown, ...args: A) => R,
    self?: unknown,
    ...args: A
  ): R {
    return run(this.#frame, () => fn.apply(self, args)) as R
  }

  emitDestroy(): this {
    return this
  }
}

export default { AsyncLocalStorage, AsyncResource }
