/** node:util/types: https://nodejs.org/api/util.html#utiltypes */
import { classOf } from 'fn:values'

const { isPrototypeOf: isPrototype } = Object.prototype
const isA = (name) => (value) => classOf(value) === name
const tagOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array).prototype,
  Symbol.toStringTag,
).get
const isArrayOf = (name) => (value) => tagOf.call(value) === name
/** The class of an object, where the engine has no test of its own: its prototypes say. */
const inherits = (value, prototype) =>
  typeof value === 'object' && value !== null && isPrototype.call(prototype, value)

const AsyncFunction = (async () => {}).constructor.prototype
const GeneratorFunction = function* () {}.constructor.prototype
const AsyncGeneratorFunction = async function* () {}.constructor.prototype
const Generator = GeneratorFunction.prototype
const AsyncGenerator = AsyncGeneratorFunction.prototype
const MapIterator = Object.getPrototypeOf(new Map().entries())
const SetIterator = Object.getPrototypeOf(new Set().entries())
const isFunctionOf = (prototype, value) =>
  typeof value === 'function' && isPrototype.call(prototype, value)
/** Not the prototype itself, which looks the same. */
const tag = (value) => Object.prototype.toString.call(value)

export const isAnyArrayBuffer = (value) => isArrayBuffer(value) || isSharedArrayBuffer(value)
export const isArgumentsObject = (value) =>
  typeof value === 'object' &&
  value !== null &&
  value[Symbol.toStringTag] === undefined &&
  tag(value) === '[object Arguments]'
export const isArrayBuffer = isA('ArrayBuffer')
export const isArrayBufferView = (value) => ArrayBuffer.isView(value)
export const isAsyncFunction = (value) =>
  isFunctionOf(AsyncFunction, value) || isFunctionOf(AsyncGeneratorFunction, value)
export const isBigInt64Array = isArrayOf('BigInt64Array')
export const isBigIntObject = isA('BigInt')
export const isBigUint64Array = isArrayOf('BigUint64Array')
export const isBooleanObject = isA('Boolean')
export const isBoxedPrimitive = (value) =>
  ['BigInt', 'Boolean', 'Number', 'String', 'Symbol'].includes(classOf(value))
export const isCryptoKey = (value) => inherits(value, CryptoKey.prototype)
export const isDataView = isA('DataView')
export const isDate = isA('Date')
export const isExternal = () => false
export const isFloat16Array = isArrayOf('Float16Array')
export const isFloat32Array = isArrayOf('Float32Array')
export const isFloat64Array = isArrayOf('Float64Array')
export const isGeneratorFunction = (value) =>
  isFunctionOf(GeneratorFunction, value) || isFunctionOf(AsyncGeneratorFunction, value)
export const isGeneratorObject = (value) =>
  inherits(value, Generator) || inherits(value, AsyncGenerator)
export const isInt16Array = isArrayOf('Int16Array')
export const isInt32Array = isArrayOf('Int32Array')
export const isInt8Array = isArrayOf('Int8Array')
export const isMap = isA('Map')
export const isMapIterator = (value) => inherits(value, MapIterator)
export const isModuleNamespaceObject = (value) =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === null &&
  value[Symbol.toStringTag] === 'Module'
export const isNativeError = isA('Error')
export const isNumberObject = isA('Number')
export const isPromise = isA('Promise')
export const isProxy = isA('Proxy')
export const isRegExp = isA('RegExp')
export const isSet = isA('Set')
export const isSetIterator = (value) => inherits(value, SetIterator)
export const isSharedArrayBuffer = isA('SharedArrayBuffer')
export const isStringObject = isA('String')
export const isSymbolObject = isA('Symbol')
export const isTypedArray = (value) => tagOf.call(value) !== undefined
export const isUint16Array = isArrayOf('Uint16Array')
export const isUint32Array = isArrayOf('Uint32Array')
export const isUint8Array = isArrayOf('Uint8Array')
export const isUint8ClampedArray = isArrayOf('Uint8ClampedArray')
export const isWeakMap = isA('WeakMap')
export const isWeakSet = isA('WeakSet')

export default {
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBuffer,
  isArrayBufferView,
  isAsyncFunction,
  isBigInt64Array,
  isBigIntObject,
  isBigUint64Array,
  isBooleanObject,
  isBoxedPrimitive,
  isCryptoKey,
  isDataView,
  isDate,
  isExternal,
  isFloat16Array,
  isFloat32Array,
  isFloat64Array,
  isGeneratorFunction,
  isGeneratorObject,
  isInt16Array,
  isInt32Array,
  isInt8Array,
  isMap,
  isMapIterator,
  isModuleNamespaceObject,
  isNativeError,
  isNumberObject,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isSetIterator,
  isSharedArrayBuffer,
  isStringObject,
  isSymbolObject,
  isTypedArray,
  isUint16Array,
  isUint32Array,
  isUint8Array,
  isUint8ClampedArray,
  isWeakMap,
  isWeakSet,
}
