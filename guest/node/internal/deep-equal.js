/** The comparison of assert.deepEqual and assert.deepStrictEqual. */
import { classOf } from 'fn:values'

const { hasOwn } = Object
const { propertyIsEnumerable: isEnumerable } = Object.prototype
const boxedOf = {
  BigInt: BigInt.prototype.valueOf,
  Boolean: Boolean.prototype.valueOf,
  Number: Number.prototype.valueOf,
  String: String.prototype.valueOf,
  Symbol: Symbol.prototype.valueOf,
}
const isObject = (value) => typeof value === 'object' && value !== null

/**
 * @param strict compares types, prototypes and symbols too
 * @param partial the right side may leave out what the left side has
 */
export function isDeepEqual(left, right, strict) {
  return equal(left, right, strict, new Map())
}

function equalPrimitives(left, right, strict) {
  if (strict) return Object.is(left, right)
  // biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is asked for
  return left == right || (Number.isNaN(left) && Number.isNaN(right))
}

function equal(left, right, strict, seen) {
  if (left === right) return left !== 0 || !strict || Object.is(left, right)
  if (strict) {
    if (!isObject(left) || !isObject(right)) {
      return typeof left === 'number' && Number.isNaN(left) && Number.isNaN(right)
    }
    if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false
  } else if (!isObject(left) || !isObject(right)) {
    const leftIsObject = isObject(left)
    if (leftIsObject !== isObject(right) || leftIsObject) return false
    return equalPrimitives(left, right, false)
  }
  const kind = classOf(left)
  if (kind !== classOf(right)) return false
  if (tagOf(left) !== tagOf(right)) return false
  return equalOfKind(left, right, kind, strict, seen)
}

const tagOf = (value) => Object.prototype.toString.call(value)

function equalOfKind(left, right, kind, strict, seen) {
  switch (kind) {
    case 'Array': {
      if (left.length !== right.length) return false
      break
    }
    case 'Date':
      if (!Object.is(Date.prototype.getTime.call(left), Date.prototype.getTime.call(right)))
        return false
      break
    case 'RegExp':
      if (
        left.source !== right.source ||
        left.flags !== right.flags ||
        left.lastIndex !== right.lastIndex
      )
        return false
      break
    case 'Error':
      if (!equalErrors(left, right, strict, seen)) return false
      break
    case 'TypedArray':
      return equalViews(left, right, strict) && equalKeys(left, right, strict, seen, true)
    case 'DataView':
    case 'ArrayBuffer':
    case 'SharedArrayBuffer':
      if (!equalBytes(bytesOf(left), bytesOf(right))) return false
      break
    case 'BigInt':
    case 'Boolean':
    case 'Number':
    case 'String':
    case 'Symbol':
      if (!Object.is(boxedOf[kind].call(left), boxedOf[kind].call(right))) return false
      break
    case 'WeakMap':
    case 'WeakSet':
    case 'WeakRef':
    case 'Promise':
    case 'Function':
      return false
    default:
      if (isObject(left) && globalThis.URL && left instanceof URL && right instanceof URL) {
        if (left.href !== right.href) return false
      }
  }
  return equalKeys(left, right, strict, seen, false)
}

const bytesOf = (value) =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value)

function equalBytes(left, right) {
  if (left.length !== right.length) return false
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
  return true
}

function equalViews(left, right, strict) {
  if (left.length !== right.length) return false
  // Of floats, -0 and 0 are the same unless in strict mode, and NaN is itself.
  for (let i = 0; i < left.length; i++) {
    if (
      strict
        ? !Object.is(left[i], right[i])
        : left[i] !== right[i] && !(Number.isNaN(left[i]) && Number.isNaN(right[i]))
    )
      return false
  }
  return true
}

function equalErrors(left, right, strict, seen) {
  // They are not enumerable, and yet what an error is.
  if (left.message !== right.message || left.name !== right.name) return false
  for (const name of ['cause', 'errors']) {
    if (hasOwn(left, name) !== hasOwn(right, name)) return false
    if (hasOwn(left, name) && !equal(left[name], right[name], strict, seen)) return false
  }
  return true
}

const isIndex = (key) => /^(?:0|[1-9]\d*)$/.test(key)

function keysOf(value, strict, withoutIndexes) {
  let keys = Object.keys(value)
  if (withoutIndexes) keys = keys.filter((key) => !isIndex(key))
  if (!strict) return keys
  const symbols = Object.getOwnPropertySymbols(value)
  return [...keys, ...symbols.filter((symbol) => isEnumerable.call(value, symbol))]
}

function equalKeys(left, right, strict, seen, withoutIndexes) {
  const keys = keysOf(left, strict, withoutIndexes)
  const others = keysOf(right, strict, withoutIndexes)
  if (keys.length !== others.length) return false
  if (!keys.every((key) => isEnumerable.call(right, key))) return false
  // What is being compared further up is the same, if it is compared with the same.
  if (seen.has(left)) return seen.get(left) === right
  seen.set(left, right)
  const same =
    equalEntries(left, right, strict, seen) &&
    keys.every((key) => equal(left[key], right[key], strict, seen))
  seen.delete(left)
  return same
}

function equalEntries(left, right, strict, seen) {
  const kind = classOf(left)
  if (kind === 'Set') return equalSets(left, right, strict, seen)
  return kind === 'Map' ? equalMaps(left, right, strict, seen) : true
}

function equalSets(left, right, strict, seen) {
  if (left.size !== right.size) return false
  const rest = []
  for (const value of left) {
    if (right.has(value)) continue
    if (strict && !isObject(value)) return false
    rest.push(value)
  }
  if (rest.length === 0) return true
  const others = [...right].filter((value) => !left.has(value))
  return rest.every((value) => take(others, (other) => equal(value, other, strict, seen)))
}

function equalMaps(left, right, strict, seen) {
  if (left.size !== right.size) return false
  const rest = []
  for (const [key, value] of left) {
    if (right.has(key)) {
      if (!equal(value, right.get(key), strict, seen)) {
        if (strict || isObject(key)) return false
        rest.push([key, value])
      }
    } else if (strict && !isObject(key)) {
      return false
    } else {
      rest.push([key, value])
    }
  }
  if (rest.length === 0) return true
  const others = [...right].filter(([key]) => !left.has(key) || !strict)
  return rest.every(([key, value]) =>
    take(
      others,
      ([other, its]) => equal(key, other, strict, seen) && equal(value, its, strict, seen),
    ),
  )
}

/** Removes the first that fits. */
function take(list, fits) {
  const at = list.findIndex(fits)
  if (at === -1) return false
  list.splice(at, 1)
  return true
}
