// Functions that `inWorker` adds to the worker's globals (prelude.js).

/** Deep equality of plain data, typed arrays, Maps and Sets; NaN is itself, -0 is not 0. */
declare function same(actual: unknown, expected: unknown, what?: string): void
/** Expects an error of that name, and returns it. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever was thrown
declare function throws(run: () => unknown, name: string): any
// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever was thrown
declare function rejects(promise: Promise<unknown>, name: string): Promise<any>

// Globals of the worker that Bun's types do not declare.
declare function dispatchEvent(event: Event): boolean
declare class PromiseRejectionEvent extends Event {
  constructor(type: string, init: { promise: Promise<unknown>; reason?: unknown })
  readonly promise: Promise<unknown>
  readonly reason: unknown
}
