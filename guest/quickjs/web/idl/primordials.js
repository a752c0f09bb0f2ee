// The built-ins as they are before any code of a bundle runs. The modules of the Web APIs call
// these, so that a bundle that changes a prototype does not change them.
//
// The engine's own array methods would call setters and constructors that a script put on
// Array.prototype.

// The engine's own would call setters and constructors that a script hung on Array.prototype.
export {
  safeArrayPush as ArrayPrototypePush,
  safeArrayRemove as ArrayPrototypeSplice,
  safeArraySlice as ArrayPrototypeSlice,
} from 'fn:web'

const { apply, getOwnPropertyDescriptor, ownKeys } = Reflect
const { setPrototypeOf } = Object
const { bind, call } = Function.prototype
/** Turns a method into a function f(this, ...). */
export const uncurryThis = bind.bind(call)

const getter = (object, name) => uncurryThis(getOwnPropertyDescriptor(object, name).get)
const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype)

export const ReflectApply = apply
export const ReflectOwnKeys = ownKeys
export const ObjectCreate = Object.create
export const ObjectDefineProperty = Object.defineProperty
/** A descriptor without a prototype, so that a script cannot add attributes to it. */
export function ObjectGetOwnPropertyDescriptor(object, key) {
  const property = getOwnPropertyDescriptor(object, key)
  return property === undefined ? undefined : setPrototypeOf(property, null)
}
export const ObjectFreeze = Object.freeze
export const ObjectGetOwnPropertySymbols = Object.getOwnPropertySymbols
export const ObjectGetPrototypeOf = Object.getPrototypeOf
export const ObjectKeys = Object.keys
export const ObjectPrototype = Object.prototype
export const ObjectSetPrototypeOf = setPrototypeOf
export const ObjectPrototypeHasOwnProperty = uncurryThis(Object.prototype.hasOwnProperty)

export const ArrayIsArray = Array.isArray
export const ArrayPrototypeIncludes = uncurryThis(Array.prototype.includes)
export const ArrayPrototypeJoin = uncurryThis(Array.prototype.join)
export const ArrayPrototypePop = uncurryThis(Array.prototype.pop)
export const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))

export const StringPrototypeCharCodeAt = uncurryThis(String.prototype.charCodeAt)
export const StringPrototypeIncludes = uncurryThis(String.prototype.includes)
export const StringPrototypeIndexOf = uncurryThis(String.prototype.indexOf)
export const StringPrototypeRepeat = uncurryThis(String.prototype.repeat)
export const StringPrototypeReplaceAll = uncurryThis(String.prototype.replaceAll)
export const StringPrototypeSlice = uncurryThis(String.prototype.slice)
export const StringPrototypeToLowerCase = uncurryThis(String.prototype.toLowerCase)
export const StringPrototypeToWellFormed = uncurryThis(String.prototype.toWellFormed)
export const StringPrototypeTrim = uncurryThis(String.prototype.trim)
export const StringPrototypePadEnd = uncurryThis(String.prototype.padEnd)
export const NumberPrototypeToFixed = uncurryThis(Number.prototype.toFixed)
export const NumberIsNaN = Number.isNaN
export const MathFloor = Math.floor
export const MathMin = Math.min
export const MathMax = Math.max
export const MathTrunc = Math.trunc
export const SymbolPrototypeToString = uncurryThis(Symbol.prototype.toString)
export const SymbolIterator = Symbol.iterator
export const SymbolToStringTag = Symbol.toStringTag
export const JSONParse = JSON.parse
export const JSONStringify = JSON.stringify
export const DateNow = Date.now

export const BooleanPrototypeValueOf = uncurryThis(Boolean.prototype.valueOf)
export const NumberPrototypeValueOf = uncurryThis(Number.prototype.valueOf)
export const StringPrototypeValueOf = uncurryThis(String.prototype.valueOf)
export const SymbolPrototypeValueOf = uncurryThis(Symbol.prototype.valueOf)
export const BigIntPrototypeValueOf = uncurryThis(BigInt.prototype.valueOf)
export const DatePrototypeGetTime = uncurryThis(Date.prototype.getTime)
export const DatePrototypeToISOString = uncurryThis(Date.prototype.toISOString)
export const RegExpPrototypeExec = uncurryThis(RegExp.prototype.exec)
export const RegExpPrototypeGetSource = getter(RegExp.prototype, 'source')
export const RegExpPrototypeGetFlags = getter(RegExp.prototype, 'flags')
export const ErrorPrototypeGetStack = getter(Error.prototype, 'stack')

export const MapPrototypeForEach = uncurryThis(Map.prototype.forEach)
export const MapPrototypeGet = uncurryThis(Map.prototype.get)
export const MapPrototypeHas = uncurryThis(Map.prototype.has)
export const MapPrototypeSet = uncurryThis(Map.prototype.set)
export const MapPrototypeDelete = uncurryThis(Map.prototype.delete)
export const MapPrototypeGetSize = getter(Map.prototype, 'size')
export const WeakMapPrototypeDelete = uncurryThis(WeakMap.prototype.delete)
export const WeakMapPrototypeGet = uncurryThis(WeakMap.prototype.get)
export const WeakMapPrototypeSet = uncurryThis(WeakMap.prototype.set)
export const SetPrototypeAdd = uncurryThis(Set.prototype.add)
export const SetPrototypeForEach = uncurryThis(Set.prototype.forEach)
export const SetPrototypeHas = uncurryThis(Set.prototype.has)
export const SetPrototypeGetSize = getter(Set.prototype, 'size')

export const WeakSetPrototypeAdd = uncurryThis(WeakSet.prototype.add)
export const WeakSetPrototypeDelete = uncurryThis(WeakSet.prototype.delete)

export const ArrayBufferPrototypeGetByteLength = getter(ArrayBuffer.prototype, 'byteLength')
export const ArrayBufferPrototypeGetMaxByteLength = getter(ArrayBuffer.prototype, 'maxByteLength')
export const ArrayBufferPrototypeGetResizable = getter(ArrayBuffer.prototype, 'resizable')
export const ArrayBufferPrototypeGetDetached = getter(ArrayBuffer.prototype, 'detached')
export const DataViewPrototypeGetBuffer = getter(DataView.prototype, 'buffer')
export const DataViewPrototypeGetByteLength = getter(DataView.prototype, 'byteLength')
export const DataViewPrototypeGetByteOffset = getter(DataView.prototype, 'byteOffset')
export const TypedArrayPrototypeGetBuffer = getter(TypedArrayPrototype, 'buffer')
export const TypedArrayPrototypeGetByteLength = getter(TypedArrayPrototype, 'byteLength')
export const TypedArrayPrototypeGetByteOffset = getter(TypedArrayPrototype, 'byteOffset')
export const TypedArrayPrototypeGetLength = getter(TypedArrayPrototype, 'length')
export const TypedArrayPrototypeGetTag = getter(TypedArrayPrototype, Symbol.toStringTag)
export const Uint8ArrayFromBase64 = Uint8Array.fromBase64
export const Uint8ArrayPrototypeToBase64 = uncurryThis(Uint8Array.prototype.toBase64)
export const TypedArrayPrototypeSet = uncurryThis(TypedArrayPrototype.set)

export const URLSearchParamsPrototypeForEach = uncurryThis(URLSearchParams.prototype.forEach)

const globals = { __proto__: null }
const names = ownKeys(globalThis)
for (let i = 0; i < names.length; i++) {
  globals[names[i]] = globalThis[names[i]]
}
/** The constructors and functions of the global scope. */
export const primordialGlobals = ObjectFreeze(globals)
