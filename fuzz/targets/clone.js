// structuredClone of any JSON value, and console's text for it.
const decoder = new TextDecoder()

export default (bytes) => {
  let value
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    if (
      error instanceof SyntaxError ||
      error instanceof RangeError ||
      error.name === 'InternalError'
    )
      return
    throw error
  }
  try {
    const copy = structuredClone({
      value,
      again: [value],
      map: new Map([[value, new Set([value])]]),
    })
    if (JSON.stringify(copy.value) !== JSON.stringify(value)) throw new Error('another value')
    if (typeof value === 'object' && copy.again[0] !== copy.value) throw new Error('two of one')
  } catch (error) {
    if (!(error instanceof RangeError) && error.name !== 'DataCloneError') throw error
  }
}
