// What the functions of `inWorker` find in the worker beside its own globals (prelude.js).

/** Deep equality of plain data, typed arrays, Maps and Sets; NaN is itself, -0 is not 0. */
declare function same(actual: unknown, expected: unknown, what?: string): void
/** Throws an error of that name; gives the error. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever was thrown
declare function throws(run: () => unknown, name: string): any
// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever was thrown
declare function rejects(promise: Promise<unknown>, name: string): Promise<any>

// Of the worker's globals, those that the types of Bun do not know.
declare function dispatchEvent(event: Event): boolean
declare class PromiseRejectionEvent extends Event {
  constructor(type: string, init: { promise: Promise<unknown>; reason?: unknown })
  readonly promise: Promise<unknown>
  readonly reason: unknown
}
