/** Warnings as Node's modules give them. */

/** Emits a warning on `process` if the bundle has it, and writes it to the log otherwise. */
export function emitWarning(warning) {
  const { process } = globalThis
  if (typeof process?.emitWarning === 'function') process.emitWarning(warning)
  else console.warn(`${warning.name}: ${warning.message}`)
}

const warned = new Set()

/** Warns once of something that is deprecated. */
export function warnOfDeprecation(message, code) {
  if (warned.has(code ?? message)) return
  warned.add(code ?? message)
  const warning = new Error(message)
  warning.name = 'DeprecationWarning'
  if (code !== undefined) warning.code = code
  emitWarning(warning)
}
