// WebIDL for interfaces that are written in JS.

import {
  MathFloor,
  MathTrunc,
  NumberIsNaN,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  primordialGlobals,
  ReflectApply,
  ReflectOwnKeys,
  SymbolIterator,
  SymbolToStringTag,
} from './primordials.js'

const { Number, TypeError } = primordialGlobals

function makeEnumerable(object, skip) {
  const keys = ReflectOwnKeys(object)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    if (typeof key === 'symbol' || key === skip) continue
    const property = ObjectGetOwnPropertyDescriptor(object, key)
    if (!property.configurable || typeof property.value === 'string') continue
    property.enumerable = true
    ObjectDefineProperty(object, key, { __proto__: null, ...property })
  }
}

/**
 * Makes the members enumerable, and gives the class its tag and a global that is not enumerable.
 */
export function defineInterface(constructor, { global = true } = { __proto__: null }) {
  makeEnumerable(constructor.prototype, 'constructor')
  const statics = ReflectOwnKeys(constructor)
  for (let i = 0; i < statics.length; i++) {
    const property = ObjectGetOwnPropertyDescriptor(constructor, statics[i])
    if (typeof property.value === 'function') {
      ObjectDefineProperty(constructor, statics[i], { __proto__: null, enumerable: true })
    }
  }
  ObjectDefineProperty(constructor.prototype, SymbolToStringTag, {
    __proto__: null,
    value: constructor.name,
    configurable: true,
  })
  if (global) {
    ObjectDefineProperty(globalThis, constructor.name, {
      __proto__: null,
      value: constructor,
      writable: true,
      configurable: true,
    })
  }
}

/** `iterable<K, V>`: @@iterator is the function `entries` itself. */
export function defineIterable(constructor) {
  ObjectDefineProperty(constructor.prototype, SymbolIterator, {
    __proto__: null,
    value: constructor.prototype.entries,
    writable: true,
    configurable: true,
  })
}

/** Constants of an interface, on the constructor and on its prototype. */
export function defineConstants(constructor, constants) {
  const names = ReflectOwnKeys(constants)
  for (let i = 0; i < names.length; i++) {
    const property = { __proto__: null, value: constants[names[i]], enumerable: true }
    ObjectDefineProperty(constructor, names[i], property)
    ObjectDefineProperty(constructor.prototype, names[i], property)
  }
}

export function needArguments(what, given, need) {
  if (given < need) {
    const plural = need === 1 ? '' : 's'
    throw new TypeError(`${what}: ${need} argument${plural} required, but only ${given} present`)
  }
}

export const isObject = (value) =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** A dictionary argument: undefined and null mean an empty one. */
export function toDictionary(value, what) {
  if (value === undefined || value === null) return { __proto__: null }
  if (!isObject(value)) throw new TypeError(`${what} is not an object`)
  return value
}

/** `double`. */
export function toFinite(value, what) {
  const number = Number(value)
  // Infinity - Infinity and NaN - NaN are NaN.
  if (number - number !== 0) throw new TypeError(`${what} is not a finite number`)
  return number
}

/** `[EnforceRange] unsigned long long`. */
export function toUnsignedLongLong(value, what) {
  const number = MathTrunc(Number(value))
  if (!(number >= 0 && number <= 9007199254740991)) {
    throw new TypeError(`${what} is outside the range of an unsigned integer`)
  }
  return number
}

/** `[Clamp] long long`: halves are rounded to the even neighbour. */
export function toClampedInteger(value) {
  const number = Number(value)
  if (NumberIsNaN(number)) return 0
  if (number > 9007199254740991) return 9007199254740991
  if (number < -9007199254740991) return -9007199254740991
  const floor = MathFloor(number)
  const rest = number - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** `sequence<T>`: calls `each` for every value of an iterable; reads @@iterator once. */
export function forEachValue(iterable, what, each) {
  if (!isObject(iterable)) throw new TypeError(`${what} is not a sequence`)
  const method = iterable[SymbolIterator]
  if (typeof method !== 'function') throw new TypeError(`${what} is not iterable`)
  const iterator = ReflectApply(method, iterable, [])
  if (typeof iterator !== 'object' || iterator === null) {
    throw new TypeError(`${what}: the iterator is not an object`)
  }
  const { next } = iterator
  for (;;) {
    const result = ReflectApply(next, iterator, [])
    if (typeof result !== 'object' || result === null) {
      throw new TypeError(`${what}: the iterator's result is not an object`)
    }
    if (result.done) return
    each(result.value)
  }
}
