import { deepStrictEqual } from '@jspm/core/nodelibs/assert'
import util from '@jspm/core/nodelibs/util'

export * from '@jspm/core/nodelibs/util'

/** As Node's own modules name their forms for it. */
const custom = Symbol.for('nodejs.util.promisify.custom')

/** The global takes its callback first, where the forms to be made take it last. */
const { setTimeout } = globalThis
const later = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value))

export function promisify(original) {
  if (original === setTimeout) return later
  return original?.[custom] ?? util.promisify(original)
}
promisify.custom = custom

export function isDeepStrictEqual(left, right) {
  try {
    deepStrictEqual(left, right)
    return true
  } catch {
    return false
  }
}

const ESCAPES = new RegExp(
  [
    '[\\u001b\\u009b](?:\\[[0-?]*[ -/]*[@-~]',
    '\\].*?(?:\\u0007|\\u001b\\\\)',
    '[0-?]*[ -/]*[@-~])',
  ].join('|'),
  'g',
)

export function stripVTControlCharacters(text) {
  return text.replace(ESCAPES, '')
}

export function toUSVString(text) {
  return String(text).toWellFormed()
}

export default Object.assign({}, util, {
  promisify,
  isDeepStrictEqual,
  stripVTControlCharacters,
  toUSVString,
})
