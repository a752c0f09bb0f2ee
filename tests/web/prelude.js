// Assertions that run inside the worker. Taken before a test changes any built-in.
const { is, keys, getPrototypeOf } = Object
const { isView } = ArrayBuffer
const { stringify } = JSON
const show = (value) => {
  try {
    return `${stringify(value) ?? String(value)}`
  } catch {
    return 'something'
  }
}

function equal(a, b) {
  if (is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (getPrototypeOf(a) !== getPrototypeOf(b)) return false
  if (a instanceof ArrayBuffer) return equal(new Uint8Array(a), new Uint8Array(b))
  if (a instanceof Date) return is(a.getTime(), b.getTime())
  if (a instanceof Map || a instanceof Set) return equal([...a], [...b])
  if (isView(a) && a.byteLength !== b.byteLength) return false
  const names = keys(a)
  if (names.length !== keys(b).length) return false
  for (let i = 0; i < names.length; i++) {
    if (!(names[i] in b) || !equal(a[names[i]], b[names[i]])) return false
  }
  return true
}

// biome-ignore lint/correctness/noUnusedVariables: the cases call it
function same(actual, expected, what = '') {
  if (!equal(actual, expected)) {
    throw new Error(`${what} got ${show(actual)}, expected ${show(expected)}`)
  }
}

function checkError(error, name) {
  const is = error instanceof DOMException ? error.name === name : error?.constructor?.name === name
  if (!is) throw new Error(`threw ${error?.name}: ${error?.message}, expected ${name}`)
  return error
}

// biome-ignore lint/correctness/noUnusedVariables: the cases call it
function throws(run, name) {
  let result
  try {
    result = run()
  } catch (error) {
    return checkError(error, name)
  }
  throw new Error(`threw nothing but gave ${show(result)}, expected ${name}`)
}

// biome-ignore lint/correctness/noUnusedVariables: the cases call it
async function rejects(promise, name) {
  let result
  try {
    result = await promise
  } catch (error) {
    return checkError(error, name)
  }
  throw new Error(`resolved with ${show(result)}, expected ${name}`)
}
