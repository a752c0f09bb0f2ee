// What the tests of web-platform-tests find around them that a worker has not, and how their results
// come out. Stands in front of testharness.js; bundle.ts puts in `LOCATION`, `SERVED` and `RESOURCES`.

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
// idlharness.js asks for the interfaces of a window where it finds this.
globalThis.Window = { prototype: {} }
globalThis.window = globalThis
// testharness.js is in front of every test already.
globalThis.importScripts = () => undefined

// A relative URL means one from where the test lies; a worker itself has no place of its own.
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
  // Taken before a test changes any of it.
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
    /** Called as soon as testharness.js is there. */
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
