/** Between callbacks and promises: promisify, callbackify, aborted. */
import { invalidArgType, nodeError } from '../internal/errors.ts'
import { validateAbortSignal, validateFunction, validateObject } from '../internal/validate.ts'

/** As Node's own modules name their forms for it. */
const custom = Symbol.for('nodejs.util.promisify.custom')
/** Of functions whose callback gets several values: their names. */
const customArgs = Symbol.for('nodejs.util.promisify.customArgs')

/** `typeof` says undefined of a member that the worker lacks. */
const isAbsentMember = (value) => typeof value === 'undefined' && value !== undefined

/** The global takes its callback first, where the forms to be made take it last. */
const { setTimeout } = globalThis
const later = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value))

export function promisify(original) {
  if (original === setTimeout) return later
  // Packages do this when they are loaded, with members that they may never call.
  if (isAbsentMember(original)) return async (...args) => original(...args)
  validateFunction(original, 'original')
  const given = original[custom]
  if (given !== undefined) {
    validateFunction(given, 'util.promisify.custom')
    return Object.defineProperty(given, custom, { value: given, configurable: true })
  }
  const names = original[customArgs]
  function promised(...args) {
    return new Promise((resolve, reject) => {
      Reflect.apply(original, this, [
        ...args,
        (error, ...values) => {
          if (error) reject(error)
          else if (names !== undefined && values.length > 1) {
            resolve(Object.fromEntries(names.map((name, i) => [name, values[i]])))
          } else resolve(values[0])
        },
      ])
    })
  }
  Object.setPrototypeOf(promised, Object.getPrototypeOf(original))
  Object.defineProperty(promised, custom, { value: promised, configurable: true })
  const properties = Object.getOwnPropertyDescriptors(original)
  for (const [key, value] of Object.entries(properties)) {
    if (key !== 'prototype') Object.defineProperty(promised, key, value)
  }
  return promised
}
promisify.custom = custom

function rejectionOf(reason) {
  if (reason) return reason
  const error = nodeError('ERR_FALSY_VALUE_REJECTION', 'Promise was rejected with falsy value')
  error.reason = reason
  return error
}

const nextTick = (fn, ...args) =>
  typeof globalThis.process?.nextTick === 'function'
    ? globalThis.process.nextTick(fn, ...args)
    : queueMicrotask(() => fn(...args))

export function callbackify(original) {
  validateFunction(original, 'original')
  function called(...args) {
    const done = args.pop()
    validateFunction(done, 'last argument')
    const callback = done.bind(this)
    Reflect.apply(original, this, args).then(
      (value) => nextTick(callback, null, value),
      (reason) => nextTick(callback, rejectionOf(reason)),
    )
  }
  const properties = Object.getOwnPropertyDescriptors(original)
  if (typeof properties.length?.value === 'number') properties.length.value++
  if (typeof properties.name?.value === 'string') properties.name.value += 'Callbackified'
  for (const [key, value] of Object.entries(properties)) {
    if (key !== 'prototype') Object.defineProperty(called, key, value)
  }
  return called
}

export async function aborted(signal, resource) {
  if (signal === undefined) throw invalidArgType('signal', 'AbortSignal', signal)
  validateAbortSignal(signal, 'signal')
  validateObject(resource, 'resource', { nullable: false, callable: true, array: true })
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
