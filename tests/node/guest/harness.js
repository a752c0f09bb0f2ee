// Runs one of Node's tests in a worker, and decides when it is over. A worker has no end of its event
// loop: a test is over when everything that it promised to call was called, and a while has passed.

// Saved before a test changes them.
const { Response, setTimeout } = globalThis
const { stringify } = JSON
const process = globalThis.process

/** Time for promised calls, ms. */
const MAX_WAIT_MS = 8_000
/** Time in which calls too many, and late errors, are seen, ms. */
const SETTLE_MS = 60
/** The same for a test that checks at the exit what was called. */
const SETTLE_FOR_EXIT_MS = 600

class Skip extends Error {}
class Exit extends Error {}

const failures = []
const promised = []
const pending = new Set()
let over = false

export function skip(reason) {
  throw new Skip(reason)
}

/** A condition that has to hold before the end: text of what is missing, or undefined. */
export function promise(missing) {
  promised.push(missing)
}

/** Work to wait for. */
export function track(work) {
  pending.add(work)
  work.catch(fail).finally(() => pending.delete(work))
}

function fail(error) {
  if (error instanceof Exit) return
  if (error instanceof Skip) {
    skipped ??= error.message
  } else {
    failures.push(error)
  }
}

let skipped

function uncaught(error) {
  if (!(error instanceof Exit || error instanceof Skip)) {
    try {
      if (process.emit('uncaughtException', error, 'uncaughtException')) return
    } catch (another) {
      fail(another)
      return
    }
  }
  fail(error)
}

process.exit = (code = process.exitCode ?? 0) => {
  if (code !== 0) failures.push(new Error(`process.exit(${code})`))
  over = true
  throw new Exit('process.exit')
}

globalThis.addEventListener('error', (event) => {
  event.preventDefault()
  uncaught(event.error)
})
globalThis.addEventListener('unhandledrejection', (event) => {
  event.preventDefault()
  try {
    if (process.emit('unhandledRejection', event.reason, event.promise)) return
  } catch (error) {
    fail(error)
    return
  }
  uncaught(event.reason)
})

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const missing = () => promised.map((check) => check()).filter((text) => text !== undefined)
const isOver = () => over || skipped !== undefined || failures.length > 0

async function untilQuiet() {
  const settleMs = process.listenerCount('exit') > 0 ? SETTLE_FOR_EXIT_MS : SETTLE_MS
  for (let waited = 0; waited < MAX_WAIT_MS && !isOver(); waited += 5) {
    if (missing().length === 0 && pending.size === 0) break
    await sleep(5)
  }
  for (let waited = 0; waited < settleMs && !isOver(); waited += 5) await sleep(5)
}

function atExit() {
  if (failures.length > 0 || skipped !== undefined) return
  try {
    if (!over) process.emit('beforeExit', 0)
    process.emit('exit', process.exitCode ?? 0)
  } catch (error) {
    fail(error)
  }
}

function textOf(error) {
  try {
    if (error === null || typeof error !== 'object') return `thrown: ${String(error)}`
    const head = `${error.name}: ${error.message}`
    return `${head}\n${error.stack}`
  } catch {
    return 'thrown: an object that cannot be read'
  }
}

/** The answer about the test that `load` runs. */
export async function run(load) {
  try {
    const loaded = load()
    if (typeof loaded?.then === 'function') track(loaded)
  } catch (error) {
    uncaught(error)
  }
  await untilQuiet()
  atExit()
  for (const text of isOver() ? [] : missing()) failures.push(new Error(text))
  const outcome = failures.length > 0 ? 'fail' : skipped === undefined ? 'pass' : 'skip'
  const message = outcome === 'fail' ? textOf(failures[0]) : (skipped ?? '')
  return new Response(stringify({ outcome, message }))
}
