/** URLPattern: https://urlpattern.spec.whatwg.org/ */
import { describe, expect, test } from 'bun:test'
import { SANITIZED } from '../worker/harness.ts'
import { inOwnWorker, inWorker, useTemplate } from './harness.ts'

describe('URLPattern', () =>
  inWorker({
    'a string with a base URL, or a whole one': () => {
      const pattern = new URLPattern('/books/:id', 'https://example.com')
      same(pattern.hostname, 'example.com')
      same(pattern.pathname, '/books/:id')
      same(pattern.test('https://example.com/books/7'), true)
      same(pattern.test('/books/7', 'https://example.com'), true)
      same(pattern.test('https://example.org/books/7'), false)
      same(new URLPattern('https://*.example.com/*').test('https://a.example.com/b'), true)
      throws(() => new URLPattern('/books'), 'TypeError')
      throws(() => new URLPattern('/books', 'no url'), 'TypeError')
    },
    'the members of an object': () => {
      const pattern = new URLPattern({ pathname: '/a/:b', baseURL: 'https://x.test/c?d' })
      same([pattern.protocol, pattern.hostname, pattern.search], ['https', 'x.test', '*'])
      throws(() => new URLPattern({ pathname: '/a' }, 'https://x.test'), 'TypeError')
      same(new URLPattern().pathname, '*')
      same(new URLPattern(undefined, undefined).test(), true)
      same(new URLPattern(null as never).pathname, '*')
    },
    'options in either place': () => {
      const url = 'https://x.test/ABC'
      same(new URLPattern({ pathname: '/abc' }, { ignoreCase: true }).test(url), true)
      same(new URLPattern('/abc', 'https://x.test', { ignoreCase: true }).test(url), true)
      same(new URLPattern('/abc', 'https://x.test', {}).test(url), false)
      throws(() => new URLPattern('/abc', 'https://x.test', 1 as never), 'TypeError')
    },
    'exec gives every component and its groups': () => {
      const pattern = new URLPattern({ pathname: '/:a/(\\d+)/:b?', hostname: '*.test' })
      const result = pattern.exec('https://x.test/one/2?q#h')
      same(result?.inputs, ['https://x.test/one/2?q#h'])
      same(result?.pathname, { groups: { a: 'one', '0': '2', b: undefined }, input: '/one/2' })
      same(Object.keys(result?.pathname.groups ?? {}).sort(), ['0', 'a', 'b'])
      same(result?.hostname.groups, { '0': 'x' })
      same(result?.search.input, 'q')
      same(Object.keys(result ?? {}), [
        'hash',
        'hostname',
        'inputs',
        'password',
        'pathname',
        'port',
        'protocol',
        'search',
        'username',
      ])
      same(pattern.exec('https://x.test/one/two'), null)
    },
    'exec gives back what it was given': () => {
      const result = new URLPattern({ pathname: '/a' }).exec({ pathname: '/a', hash: 'x' })
      same(result?.inputs, [{ hash: 'x', pathname: '/a' }])
      const based = new URLPattern({ pathname: '/a' }).exec('/a', 'https://x.test')
      same(based?.inputs, ['/a', 'https://x.test'])
      throws(() => new URLPattern().exec({ pathname: '/' }, 'https://x.test'), 'TypeError')
    },
    'groups named like members of every object': () => {
      const pattern = new URLPattern({ pathname: '/:__proto__/:constructor' })
      const groups = pattern.exec({ pathname: '/a/b' })?.pathname.groups ?? {}
      same(Object.getPrototypeOf(groups), Object.prototype)
      same(Object.getOwnPropertyDescriptor(groups, '__proto__')?.value, 'a')
      same(groups.constructor as unknown, 'b')
    },
    hasRegExpGroups: () => {
      same(new URLPattern({ pathname: '/:a/*' }).hasRegExpGroups, false)
      same(new URLPattern({ pathname: '/:a(x|y)' }).hasRegExpGroups, true)
    },
    'compareComponent and generate': () => {
      const { compareComponent } = URLPattern as never as {
        compareComponent(part: string, a: unknown, b: unknown): number
      }
      const [fixed, group, all] = ['/a/b', '/a/:b', '/a/*'].map(
        (pathname) => new URLPattern({ pathname }),
      )
      same(compareComponent('pathname', fixed, group), 1)
      same(compareComponent('pathname', all, group), -1)
      same(compareComponent('pathname', all, all), 0)
      throws(() => compareComponent('nothing', all, all), 'TypeError')
      throws(() => compareComponent('pathname', all, {}), 'TypeError')
      const { generate } = URLPattern.prototype as never as {
        generate(this: unknown, part: string, groups: unknown): string
      }
      same(generate.call(group, 'pathname', { b: 'ü x' }), '/a/%C3%BC%20x')
      same(generate.call(fixed, 'pathname', {}), '/a/b')
      throws(() => generate.call(group, 'pathname', {}), 'TypeError')
      throws(() => generate.call(group, 'pathname', { b: 'x/y' }), 'TypeError')
      throws(() => generate.call(group, 'pathname', 'b'), 'TypeError')
      throws(() => generate.call(group, 'pathname', { [Symbol()]: 'x' }), 'TypeError')
    },
    'what is not a pattern': () => {
      const bad = ['(', '/:', '/(?<x>a)', '/([a-', '/{a', '/:a/:a', '/(ü)', '/((x))']
      for (const pathname of bad) throws(() => new URLPattern({ pathname }), 'TypeError')
      throws(() => new URLPattern({ hostname: 'a b' }), 'TypeError')
      throws(() => new URLPattern(Symbol() as never), 'TypeError')
      throws(() => URLPattern.prototype.test.call({} as never), 'TypeError')
    },
    'a hyphen and other punctuation': () => {
      same(new URLPattern({ pathname: '/a-b/:c-d' }).test({ pathname: '/a-b/x-d' }), true)
      same(new URLPattern({ pathname: '/a&&b/:c' }).test({ pathname: '/a&&b/x' }), true)
      const make = (source: string) => new RegExp(source, 'v')
      same(make('^a-b&&c/d$').test('a-b&&c/d'), true)
      throws(() => make('[a-]'), 'SyntaxError')
      throws(() => make('[a&&&]'), 'SyntaxError')
    },
    'text beyond ASCII': () => {
      const pattern = new URLPattern({ pathname: '/ü/:name' })
      same(pattern.pathname, '/%C3%BC/:name')
      same(pattern.exec({ pathname: '/ü/🍅' })?.pathname.groups.name, '%F0%9F%8D%85')
      same(new URLPattern({ hostname: '*.bücher.de' }).test('https://a.bücher.de/'), true)
      same(new URLPattern('a:*:name').exec('a:é')?.pathname.input, '%C3%A9')
    },
    'members are as WebIDL wants them': () => {
      const members = Object.getOwnPropertyDescriptors(URLPattern.prototype)
      same(members.test.enumerable, true)
      same(members.pathname.set, undefined)
      same(URLPattern.length, 0)
      same(Object.prototype.toString.call(new URLPattern()), '[object URLPattern]')
      class Routes extends URLPattern {}
      same(new Routes({ pathname: '/x' }) instanceof Routes, true)
    },
  }))

inOwnWorker({
  'getters and conversions run in order, and once': () => {
    const seen: string[] = []
    const names = ['username', 'search', 'protocol', 'port', 'pathname', 'password', 'hostname']
    const init = {}
    for (const name of [...names, 'hash', 'baseURL']) {
      Object.defineProperty(init, name, {
        get() {
          seen.push(name)
          const convert = () => {
            seen.push(`${name}!`)
            return '*'
          }
          return name === 'baseURL' ? undefined : { toString: convert }
        },
      })
    }
    new URLPattern(init, {
      get ignoreCase() {
        seen.push('ignoreCase')
        return false
      },
    })
    const read = [...names, 'hash'].reverse().flatMap((name) => [name, `${name}!`])
    same(seen, ['baseURL', ...read, 'ignoreCase'])
    const thrower = {
      get pathname() {
        throw new RangeError('mine')
      },
    }
    throws(() => new URLPattern(thrower as never), 'RangeError')
    throws(() => new URLPattern().test(thrower as never), 'RangeError')
  },
  'polluted prototypes change nothing': () => {
    for (const name of ['pathname', 'groups', 'input', 'inputs', '0', 'ignoreCase']) {
      Object.defineProperty(Object.prototype, name, {
        set() {
          throw new Error('was set')
        },
        get: () => (name === 'pathname' ? '/x' : undefined),
        configurable: true,
      })
    }
    RegExp.prototype.exec = () => {
      throw new Error('was called')
    }
    const result = new URLPattern({ pathname: '/:a' }).exec({ pathname: '/b' })
    same(result?.pathname.groups.a, 'b')
  },
})

describe('hostile patterns', () => {
  const template = useTemplate()
  const BUNDLE = `export default async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/backtrack') {
      const pattern = new URLPattern({ pathname: '/((?:a+)+)b' })
      try { pattern.test({ pathname: '/' + 'a'.repeat(4000) }) } catch { return new Response('caught') }
      return new Response('matched')
    }
    if (pathname === '/long') {
      const texts = ['(', '{', ':a', '*', '/:a?', '{a}?', 'a', '\\\\\\\\', '[', '(a)', ':', '#', '?', '@'].map((text) => text.repeat(16384 / text.length | 0))
      let thrown = 0
      for (const text of texts) for (const input of [text, 'https://x/' + text.slice(0, 16000), { pathname: text }, { hostname: text }, { search: text }])
        try { new URLPattern(input).test('https://x/' + 'a/'.repeat(1e5)) } catch (error) { if (!(error instanceof TypeError)) throw error; thrown++ }
      return Response.json(thrown)
    }
    if (pathname === '/longer') {
      try { new URLPattern({ pathname: 'a'.repeat(5e6) }) } catch (error) { return new Response(error.name + error.message) }
    }
    if (pathname === '/input') {
      const pattern = new URLPattern({ pathname: '/:a/:b' })
      return Response.json([pattern.test({ pathname: '/a/' + 'b'.repeat(4e6) }), pattern.test('https://x/a/' + 'b'.repeat(4e6))])
    }
    if (pathname === '/memory') {
      const list = []
      for (;;) list.push(new URLPattern({ pathname: '/:a/:b(x)/' + list.length }))
    }
    return new Response('alive')
  }`

  test('catastrophic backtracking ends with the budget of its invocation', async () => {
    const worker = await template().worker({ bundle: BUNDLE })
    const { error } = await worker.invoke({ url: 'http://localhost/backtrack', cpuMs: 200 })
    expect(error?.code).toBe('CPU_LIMIT')
    expect((await worker.invoke({ url: 'http://localhost/' })).text).toBe('alive')
    worker.close()
  })

  test('as long as a pattern may be, in every form, it is done in time', async () => {
    const worker = await template().worker({ bundle: BUNDLE })
    expect(await worker.json('/long', { deadlineMs: 60_000, cpuMs: 60_000 })).toBeGreaterThan(10)
    worker.close()
  })

  test('a longer one is refused, and a long URL is matched', async () => {
    const worker = await template().worker({ bundle: BUNDLE })
    const { text } = await worker.invoke({ url: 'http://localhost/longer' })
    expect(text).toBe('TypeErrorURLPattern: the pattern is longer than 16384 bytes')
    expect(await worker.json('/input')).toEqual([true, true])
    worker.close()
  })

  test.skipIf(SANITIZED)('patterns without end meet the memory limit', async () => {
    const worker = await template().worker({
      bundle: BUNDLE,
      capabilities: { maxMemory: 32 * 2 ** 20 },
    })
    const { error } = await worker.invoke({ url: 'http://localhost/memory' })
    expect(error?.code).toBe('MEMORY_LIMIT')
    expect((await worker.invoke({ url: 'http://localhost/' })).text).toBe('alive')
    worker.close()
  })
})
