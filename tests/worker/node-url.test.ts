/** node:url in the real worker. tests/node runs Node's own tests of it, too. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

setDefaultTimeout(120_000)

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

async function answer(body: string): Promise<unknown> {
  const source = `import url from 'node:url'
    const attempt = (run) => { try { return run() } catch (e) { return [e.name, e.code, e.input] } }
    export default () => { ${body} }`
  const worker = await zygote.worker({ bundle: await bundleOf(source) })
  return await worker.json('/')
}

test('wrong input is an error with its code', async () => {
  const seen = await answer(`return Response.json([
    ...[5, null, {}, 'nope', 'http://a/b', 'file://host/a', 'file:///a%2fb'].map((input) => attempt(() => url.fileURLToPath(input))?.[1]),
    attempt(() => url.parse(5))[1], attempt(() => url.parse('http://a b%/')).host, attempt(() => url.parse('http://\\u2100/')),
    attempt(() => url.parse('http://a:b/'))[1], attempt(() => url.format(5))[1], attempt(() => url.format(new URL('http://a'), 5))[1],
    attempt(() => url.pathToFileURL(5))[1], attempt(() => url.domainToASCII())[1], attempt(() => url.urlToHttpOptions('x'))[1]])`)
  const [type, missing, url] = ['ERR_INVALID_ARG_TYPE', 'ERR_MISSING_ARGS', 'ERR_INVALID_URL']
  expect(seen).toEqual([
    ...[type, type, type, url, 'ERR_INVALID_URL_SCHEME'],
    ...['ERR_INVALID_FILE_URL_HOST', 'ERR_INVALID_FILE_URL_PATH'],
    ...[type, 'a', ['TypeError', url, 'http://\u2100/'], 'ERR_INVALID_ARG_VALUE'],
    ...[type, type, type, missing, type],
  ])
})

test('the error of URL has the code of Node, and runs no code of its arguments twice', async () => {
  const seen = await answer(`let reads = 0
    const error = attempt(() => new URL({ toString() { reads++; return 'nope' } }))
    let base
    try { new URL('x', 'y') } catch (e) { base = [e.message, { ...e }] }
    return Response.json([attempt(() => new URL('nope')), error, reads, base])`)
  expect(seen).toEqual([
    ['TypeError', 'ERR_INVALID_URL', 'nope'],
    ['TypeError', 'ERR_INVALID_URL', null],
    1,
    ['Invalid URL', { code: 'ERR_INVALID_URL', input: 'x', base: 'y' }],
  ])
})

test('parse, format and resolve', async () => {
  const seen = await answer(`return Response.json([
    { ...url.parse(' HTTPS://user:p%40ss@EXAMPLE.com:8080\\\\a b/?q=1&q=2#h', true) }, url.parse('/a?x=@"').search, url.parse('//host/a').pathname, url.parse('/?\\u00fc%', true).query,
    url.parse('//host/a', false, true).host, url.parse('http://m\\u00fcnchen.de/').hostname, url.parse('http://[::1]:80/').hostname, url.parse('javascript:a b').href,
    url.format({ protocol: 'http', host: 'a', pathname: 'b?#', query: { c: [1, 2] }, hash: 'd' }), url.format({ auth: 'a:b@', hostname: '::1', slashes: true, port: 1 }),
    url.format(new URL('http://u:p@xn--mnchen-3ya.de:81/a?b#c'), { auth: false, fragment: false, search: false, unicode: true }), url.format(new URL('http://u@a/?b'), { fragment: null }),
    url.resolve('/one/two/three', 'four'), url.resolve('http://a/b/c/d?e', '../../f'), url.resolve('http://u@a/', '//b/x'), url.resolve('mailto:a@b', 'c@d'),
    url.resolve('http://a/b', 'file:///c'), url.resolveObject('http://a/b', '?c').href, new url.Url().href])`)
  expect(seen).toEqual([
    {
      ...{ protocol: 'https:', slashes: true, auth: 'user:p@ss', host: 'example.com:8080' },
      ...{ port: '8080', hostname: 'example.com', hash: '#h', search: '?q=1&q=2' },
      ...{ query: { q: ['1', '2'] }, pathname: '/a%20b/', path: '/a%20b/?q=1&q=2' },
      href: 'https://user:p%40ss@example.com:8080/a%20b/?q=1&q=2#h',
    },
    ...['?x=@"', '//host/a', { 'ü%': '' }, 'host', 'xn--mnchen-3ya.de', '::1', 'javascript:a b'],
    ...[
      'http://a/b%3F%23?c=1&c=2#d',
      '//a:b%40@[::1]:1',
      'http://münchen.de:81/a',
      'http://u@a/?b',
    ],
    ...[
      '/one/two/four',
      'http://a/f',
      'http://b/x',
      'mailto:c@d',
      'file:///c',
      'http://a/b?c',
      null,
    ],
  ])
})

test('paths, domains and options', async () => {
  const seen = await answer(`return Response.json([
    url.fileURLToPath('file:///a%20b/%25'), url.fileURLToPath(new URL('file:///C:/x%20y'), { windows: true }), url.fileURLToPath('file://h/x', { windows: true }),
    url.pathToFileURL('/a b?#~%/').href, url.fileURLToPath(url.pathToFileURL('/\\u00e4\\\\')), [...url.fileURLToPathBuffer('file:///%ff')],
    url.domainToASCII('espa\\u00f1ol.com'), url.domainToUnicode('xn--espaol-zwa.com'), url.domainToASCII('a b'), url.domainToUnicode('xn--i\\u00f1valid.com'),
    url.urlToHttpOptions(new URL('http://u:%40@[::1]:81/a?b#c'))])`)
  expect(seen).toEqual([
    ...['/a b/%', 'C:\\x y', '\\\\h\\x', 'file:///a%20b%3F%23%7E%25/', '/ä\\', [47, 255]],
    ...['xn--espaol-zwa.com', 'español.com', '', ''],
    {
      ...{ protocol: 'http:', hostname: '::1', hash: '#c', search: '?b', pathname: '/a' },
      ...{ path: '/a?b', href: 'http://u:%40@[::1]:81/a?b#c', port: 81, auth: 'u:@' },
    },
  ])
})
