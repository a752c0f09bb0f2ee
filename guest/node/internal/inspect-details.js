/**
 * What the package node-inspect-extracted cannot know without an engine: scripts/bundle-node-modules.ts puts
 * these functions in place of its own.
 */
import { classOf, peekIterator, promiseResult, proxyParts } from 'fn:values'
import { isAsyncFunction, isGeneratorFunction } from '../util-types.js'

export { isAsyncFunction, isGeneratorFunction }

const functionText = Function.prototype.toString

/** Constructors of the language have such a prototype too, and are shown as functions. */
const constructors = new Set(
  [
    ...['AggregateError', 'Array', 'ArrayBuffer', 'BigInt', 'BigInt64Array', 'BigUint64Array'],
    ...['Boolean', 'DataView', 'Date', 'Error', 'EvalError', 'FinalizationRegistry'],
    ...['Float16Array', 'Float32Array', 'Float64Array', 'Function', 'Int16Array', 'Int32Array'],
    ...['Int8Array', 'Iterator', 'Map', 'Number', 'Object', 'Promise', 'RangeError'],
    ...['ReferenceError', 'RegExp', 'Set', 'String', 'Symbol', 'SyntaxError', 'TypeError'],
    ...['URIError', 'Uint16Array', 'Uint32Array', 'Uint8Array', 'Uint8ClampedArray', 'WeakMap'],
    ...['WeakRef', 'WeakSet'],
  ].map((name) => globalThis[name]),
)
constructors.add(Object.getPrototypeOf(Uint8Array))

/** A text that begins as the source of a function does. A worker keeps no sources. */
export function sourceOf(fn) {
  const prototype = Object.getOwnPropertyDescriptor(fn, 'prototype')
  const isClass = prototype?.writable === false && !constructors.has(fn)
  return isClass ? 'class {}' : functionText.call(fn)
}

/** @returns the state of a promise, as one of the two symbols or neither, and its value or reason */
export function promiseDetails(promise, pending, rejected) {
  const settled = promiseResult(promise)
  if (settled === undefined) return [pending, undefined]
  return [settled[0] ? undefined : rejected, settled[1]]
}

/** The target, with the handler if that is asked for; undefined for other values than proxies. */
export function proxyDetails(value, withHandler = true) {
  if (classOf(value) !== 'Proxy') return undefined
  const parts = proxyParts(value)
  return withHandler ? parts : parts[0]
}

/** The entries of an iterator, and whether they are keys and values by turns. Those of weak collections are unknown. */
export function previewEntries(value, isIterator) {
  const found = isIterator ? peekIterator(value) : undefined
  return isIterator ? (found ?? [[], false]) : []
}
