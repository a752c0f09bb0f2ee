// A small form of `node:test`: tests run one after the other, and a failure names its test.

const assert = require('node:assert')
const { skip, track } = require('./harness.js')

let queue = Promise.resolve()
/** The hooks of the suites around the test that is defined now. */
let scope = { parent: undefined, hooks: { before: [], after: [], beforeEach: [], afterEach: [] } }

const parse = (args) => ({
  name: args.find((arg) => typeof arg === 'string') ?? '',
  options: args.find((arg) => typeof arg === 'object' && arg !== null) ?? {},
  fn: args.find((arg) => typeof arg === 'function') ?? (() => undefined),
})

/** Calls a test or a hook; one with two parameters gets a callback. */
function call(fn, context) {
  if (fn.length < 2) return fn.call(context, context)
  return new Promise((resolve, reject) => {
    fn.call(context, context, (error) => (error ? reject(error) : resolve()))
  })
}

const around = (of) => (of === undefined ? [] : [...around(of.parent), of])

async function runHooks(of, kind, context) {
  const scopes = kind === 'afterEach' ? around(of).reverse() : around(of)
  for (const { hooks } of scopes) for (const hook of hooks[kind]) await call(hook, context)
}

function contextOf(name, cleanups) {
  return {
    name,
    assert: { ...assert, plan: undefined },
    mock: mockTracker(cleanups),
    signal: new AbortController().signal,
    diagnostic: () => undefined,
    plan: () => undefined,
    skip: () => undefined,
    todo: () => undefined,
    after: (hook) => cleanups.push(hook),
    test: (...args) => runTest(parse(args), undefined),
  }
}

async function runTest({ name, options, fn }, of) {
  if (options.skip || options.todo) return
  const cleanups = []
  const context = contextOf(name, cleanups)
  try {
    await runHooks(of, 'beforeEach', context)
    await call(fn, context)
    await runHooks(of, 'afterEach', context)
  } catch (error) {
    if (error !== null && typeof error === 'object') {
      try {
        error.message = `${name}: ${error.message}`
      } catch {}
    }
    throw error
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup(context)
  }
}

function enqueue(work) {
  const done = queue.then(work)
  queue = done.catch(() => undefined)
  track(done)
  return done
}

function test(...args) {
  const of = scope
  return enqueue(() => runTest(parse(args), of))
}

function suite(...args) {
  const { options, fn } = parse(args)
  if (options.skip || options.todo) return
  const own = {
    parent: scope,
    hooks: { before: [], after: [], beforeEach: [], afterEach: [] },
  }
  scope = own
  enqueue(async () => {
    for (const hook of own.hooks.before) await call(hook, {})
  })
  try {
    fn({ name: '' })
  } finally {
    scope = own.parent
  }
  enqueue(async () => {
    for (const hook of own.hooks.after) await call(hook, {})
  })
}

const hook = (kind) => (fn) => {
  scope.hooks[kind].push(fn)
}

function mockFn(original = () => undefined, implementation = original) {
  const calls = []
  let current = implementation
  const mocked = function (...args) {
    const call = { arguments: args, this: this, result: undefined, error: undefined }
    calls.push(call)
    try {
      call.result = new.target ? Reflect.construct(current, args) : current.apply(this, args)
      return call.result
    } catch (error) {
      call.error = error
      throw error
    }
  }
  mocked.mock = {
    calls,
    callCount: () => calls.length,
    resetCalls: () => calls.splice(0),
    mockImplementation: (next) => {
      current = next
    },
    restore: () => undefined,
  }
  return mocked
}

function mockTracker(cleanups) {
  return {
    fn: mockFn,
    method(object, name, implementation) {
      const original = object[name]
      const mocked = mockFn(original, implementation)
      object[name] = mocked
      mocked.mock.restore = () => {
        object[name] = original
      }
      cleanups.push(mocked.mock.restore)
      return mocked
    },
    timers: { enable: () => skip('needs mocked timers') },
    restoreAll: () => undefined,
  }
}

for (const fn of [test, suite]) {
  fn.skip = () => undefined
  fn.todo = () => undefined
  fn.only = fn
}

module.exports = Object.assign(test, {
  test,
  it: test,
  suite,
  describe: suite,
  before: hook('before'),
  after: hook('after'),
  beforeEach: hook('beforeEach'),
  afterEach: hook('afterEach'),
  mock: mockTracker([]),
})
