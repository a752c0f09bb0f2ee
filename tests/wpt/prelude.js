// Globals that web-platform-tests expect and a worker lacks, and the output of their results. It
// comes before testharness.js; bundle.ts replaces `LOCATION`, `SERVED` and `RESOURCES`.

globalThis.GLOBAL = {
  isWindow: () => false,
  isWorker: () => true,
  isShadowRealm: () => false,
}
const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(LOCATION)
globalThis.location = {
  ...{ href, origin, protocol, host, hostname, port, pathname, search, hash },
  toString: () => href,
}
// With this, idlharness.js tests the interfaces of a window.
globalThis.Window = { prototype: {} }
globalThis.window = globalThis
// Every bundle already contains testharness.js.
globalThis.importScripts = () => undefined

// Relative URLs are resolved against the location of the test; a worker has no base URL.
;(() => {
  const { fetch, Request, Response, URL } = globalThis
  const absolute = (input) => {
    const url = typeof input === 'string' || input instanceof URL ? URL.parse(input, href) : null
    return url === null ? input : url.href
  }
  const made = new Proxy(Request, {
    construct: (target, [input, ...rest], newTarget) =>
      Reflect.construct(target, [absolute(input), ...rest], newTarget),
  })
  Request.prototype.constructor = made
  globalThis.Request = made
  const read = async (pathname) => {
    if (!(pathname in RESOURCES)) throw new TypeError(`${pathname} is not there`)
    const text = RESOURCES[pathname]
    const isMedia = pathname.startsWith('/media/')
    return new Response(isMedia ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : text)
  }
  globalThis.fetch = (input, ...rest) => {
    const url = absolute(input)
    if (SERVED || !URL.canParse(url)) return fetch(url, ...rest)
    const { protocol, pathname } = new URL(url)
    return protocol === 'http:' ? read(pathname) : fetch(url, ...rest)
  }
})()

// biome-ignore lint/correctness/noUnusedVariables: what bundle.ts makes calls it
const $wpt = (() => {
  // Saved before a test changes it.
  const { Response, setTimeout } = globalThis
  const { stringify } = JSON
  const { promise, resolve } = Promise.withResolvers()
  let thrown
  const plain = ({ name, status, message, stack }) => ({ name, status, message, stack })

  function answer(tests, { status, message, stack }) {
    const whole = thrown === undefined ? { status, message, stack } : thrown
    resolve(new Response(stringify({ ...whole, tests: tests.map(plain) })))
  }
  return {
    /** Called when testharness.js is loaded. */
    watch(timeoutMs) {
      self.add_completion_callback(answer)
      setTimeout(() => self.timeout(), timeoutMs)
    },
    results(run) {
      try {
        run.call(globalThis)
      } catch (error) {
        thrown = { status: 1, message: String(error), stack: String(error?.stack) }
        self.done()
      }
      return promise
    },
  }
})()
