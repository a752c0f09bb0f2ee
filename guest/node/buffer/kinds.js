/** What a value is, whatever a program has put on it or on its prototypes. */

const typedArray = Object.getPrototypeOf(Uint8Array)
/** The name of a view's class; undefined for what is no view. */
export const { get: tagOf } = Object.getOwnPropertyDescriptor(
  typedArray.prototype,
  Symbol.toStringTag,
)
/** A program may give a view another `length`. */
export const { get: lengthOf } = Object.getOwnPropertyDescriptor(typedArray.prototype, 'length')

export const isUint8Array = (value) => tagOf.call(value) === 'Uint8Array'
const lengthOfBuffer = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get
const lengthOfShared = Object.getOwnPropertyDescriptor(
  SharedArrayBuffer.prototype,
  'byteLength',
).get

/** Whether it is one, and does not only inherit from one. */
export function isAnyArrayBuffer(value) {
  const shared = value instanceof SharedArrayBuffer
  if (!shared && !(value instanceof ArrayBuffer)) return false
  try {
    ;(shared ? lengthOfShared : lengthOfBuffer).call(value)
    return true
  } catch {
    return false
  }
}
