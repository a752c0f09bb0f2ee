import { inWorker } from './harness.ts'

inWorker({
  'a URL and its parts': () => {
    const url = new URL('../b?x=1#f', 'https://user:pw@example.com:8080/a/c')
    same(url.href, 'https://user:pw@example.com:8080/b?x=1#f')
    same([url.origin, url.host, url.port], ['https://example.com:8080', 'example.com:8080', '8080'])
    same([url.username, url.password, url.hash], ['user', 'pw', '#f'])
    same(`${url}`, url.href)
    same(JSON.stringify({ url }), `{"url":"${url.href}"}`)
  },
  'an invalid URL throws, and parse and canParse report it': () => {
    for (const bad of [
      '',
      '/x',
      'http://',
      'http://a b/',
      'https://x:99999',
      'http://[::1',
      'xn--',
    ]) {
      throws(() => new URL(bad), 'TypeError')
      same(URL.parse(bad), null)
      same(URL.canParse(bad), false)
    }
    throws(() => new URL('http://xn--a.com/\ud800', 'x'), 'TypeError')
    // @ts-expect-error no arguments
    throws(() => new URL(), 'TypeError')
    // @ts-expect-error called without new
    throws(() => URL('http://x/'), 'TypeError')
  },
  'a host with invalid Punycode is refused, also by the setters': () => {
    throws(() => new URL('http://xn--pokxncvks/'), 'TypeError')
    const url = new URL('https://example.com/')
    url.host = 'xn--'
    url.hostname = 'XN--pokxncvks'
    same(url.href, 'https://example.com/')
    throws(() => {
      url.href = 'http://xn--/'
    }, 'TypeError')
    same(new URL('http://m\u00fcnchen.de/').hostname, 'xn--mnchen-3ya.de')
    same(new URL('foo://xn--/').href, 'foo://xn--/')
  },
  'lone surrogates become U+FFFD': () => {
    same(new URL('http://x/\ud800a').pathname, '/%EF%BF%BDa')
    same(new URLSearchParams('a=\udc00').get('a'), '\ufffd')
    same([...new URLSearchParams({ '\ud800': '1', '\ufffd': '2' })], [['\ufffd', '2']])
  },
  'searchParams and search follow each other': () => {
    const url = new URL('http://x/?a=1')
    const params = url.searchParams
    same(params === url.searchParams, true)
    params.append('b', '2 3')
    same(url.href, 'http://x/?a=1&b=2+3')
    url.search = '?c=4'
    same([...params], [['c', '4']])
    url.href = 'http://y/?d=5'
    same(params.get('d'), '5')
    params.delete('d')
    same(url.href, 'http://y/')
  },
  'searchParams outlive their URL': () => {
    const { searchParams } = new URL('http://x/?a=1')
    searchParams.set('a', '2')
    same(searchParams.toString(), 'a=2')
  },
  'URLSearchParams from strings, pairs, records and their own kind': () => {
    same(
      [...new URLSearchParams('?a=b&c')],
      [
        ['a', 'b'],
        ['c', ''],
      ],
    )
    same(
      [
        ...new URLSearchParams([
          ['a', 'b'],
          ['a', 'c'],
        ]),
      ],
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
    )
    same(
      [...new URLSearchParams({ x: 'y', 1: '2' })],
      [
        ['1', '2'],
        ['x', 'y'],
      ],
    )
    same(new URLSearchParams(new URLSearchParams('q=%F0%9F%98%80')).get('q'), '\u{1f600}')
    same(new URLSearchParams('a=+%2B%zz').get('a'), ' +%zz')
    const broken = new URLSearchParams('%81=1&b=%F0%9F')
    same(broken.get('\ufffd'), '1')
    same(broken.toString(), '%EF%BF%BD=1&b=%EF%BF%BD')
    broken.delete('\ufffd')
    same([...broken], [['b', '\ufffd']])
    const url = new URL('http://a/?%81')
    same(url.searchParams.has('\ufffd'), true)
    url.search = '%82=1'
    same(url.searchParams.get('\ufffd'), '1')
    throws(() => new URLSearchParams([['a']] as never), 'TypeError')
    throws(() => new URLSearchParams([['a', 'b', 'c']] as never), 'TypeError')
    throws(() => new URLSearchParams({ [Symbol('s')]: 'x' } as never), 'TypeError')
  },
  'URLSearchParams: has, delete with a value, getAll, sort, size': () => {
    const params = new URLSearchParams('b=1&a=1&b=2&\u{1f600}=x&\uffff=y')
    same([params.has('b'), params.has('b', '2'), params.has('b', '3')], [true, true, false])
    same(params.has('b', undefined), true)
    same(params.getAll('b'), ['1', '2'])
    params.delete('b', '1')
    same(params.toString().startsWith('a=1&b=2&'), true)
    params.sort()
    same([...params.keys()], ['a', 'b', '\u{1f600}', '\uffff'])
    same(params.size, 4)
    same(params.get('none'), null)
  },
  'iteration is live': () => {
    const params = new URLSearchParams('a=1&b=2&c=3')
    const seen: string[] = []
    for (const [name] of params) {
      seen.push(name)
      if (name === 'a') params.delete('b')
    }
    same(seen, ['a', 'c'])
    const iterator = params.entries()
    same(iterator.next(), { value: ['a', '1'], done: false })
    params.append('d', '4')
    same([...iterator].length, 2)
    same(iterator.next(), { value: undefined, done: true })
    same(Object.prototype.toString.call(iterator), '[object URLSearchParams Iterator]')
    same(params[Symbol.iterator] === params.entries, true)
  },
  'a long list is gone through in time': () => {
    const params = new URLSearchParams('a=1&'.repeat(100_000))
    let count = 0
    for (const _ of params) count++
    params.forEach(() => {
      count++
    })
    same(count, 200_000)
  },
  brands: () => {
    throws(() => URL.prototype.toString.call({}), 'TypeError')
    throws(() => URLSearchParams.prototype.append.call(new URL('x:y'), 'a', 'b'), 'TypeError')
    const href = Object.getOwnPropertyDescriptor(URL.prototype, 'href')
    throws(() => href?.get?.call(Object.create(URL.prototype)), 'TypeError')
  },
  subclasses: () => {
    class Mine extends URL {
      extra = 1
    }
    const mine = new Mine('http://x/')
    same([mine instanceof Mine, mine instanceof URL, mine.extra, mine.host], [true, true, 1, 'x'])
  },
})
