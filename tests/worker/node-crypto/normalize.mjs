/** The result of an expression as JSON; of an error its name, code and text. Used in Node and in the worker. */
export function normalize(run) {
  try {
    return plain(run())
  } catch (error) {
    return { error: error.name, code: error.code ?? null, message: error.message }
  }
}

function plain(value) {
  if (value instanceof ArrayBuffer) return `hex:${Buffer.from(value).toString('hex')}`
  if (ArrayBuffer.isView(value)) {
    return `hex:${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  if (typeof value === 'bigint') return `${value}n`
  if (value === undefined) return 'undefined'
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const copy = {}
  for (const name of Object.keys(value).sort()) copy[name] = plain(value[name])
  return copy
}
