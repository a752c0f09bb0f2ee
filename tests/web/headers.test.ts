import { inWorker } from './harness.ts'

inWorker({
  'names are lower-cased, values trimmed and combined': () => {
    const headers = new Headers([
      ['X-A', ' one\t'],
      ['x-a', 'two'],
    ])
    headers.append('B', '')
    same(
      [...headers],
      [
        ['b', ''],
        ['x-a', 'one, two'],
      ],
    )
    same(headers.get('X-a'), 'one, two')
    headers.append('b', '')
    same(headers.get('b'), ', ')
    same(headers.get('none'), null)
  },
  'set takes the place of the first, and removes the rest': () => {
    const headers = new Headers([
      ['a', '1'],
      ['b', '2'],
      ['A', '3'],
    ])
    headers.set('a', '4')
    same(
      [...headers],
      [
        ['a', '4'],
        ['b', '2'],
      ],
    )
    headers.delete('A')
    same(headers.has('a'), false)
  },
  'set-cookie stays apart': () => {
    const headers = new Headers()
    headers.append('Set-Cookie', 'a=1; Expires=Thu, 01 Jan 2030 00:00:00 GMT')
    headers.append('x', 'y')
    headers.append('set-cookie', 'b=2')
    same(headers.getSetCookie(), ['a=1; Expires=Thu, 01 Jan 2030 00:00:00 GMT', 'b=2'])
    same([...headers.keys()], ['set-cookie', 'set-cookie', 'x'])
    same(headers.get('set-cookie'), 'a=1; Expires=Thu, 01 Jan 2030 00:00:00 GMT, b=2')
  },
  'names that are no tokens and values with line breaks or NUL are refused': () => {
    const headers = new Headers()
    for (const name of ['', ' ', 'a b', 'a:', 'a\n', '\u00e9', 'a\0']) {
      throws(() => headers.append(name, 'x'), 'TypeError')
      throws(() => headers.get(name), 'TypeError')
    }
    for (const value of ['a\nb', 'a\rb', 'a\0b', '\u0100', '\ud800']) {
      throws(() => headers.set('x', value), 'TypeError')
    }
    headers.set('x', '\r\n a \r\n')
    same(headers.get('x'), 'a')
  },
  'values are bytes': () => {
    const headers = new Headers({ x: 'caf\u00e9 \u00ff\u0080' })
    same(headers.get('x'), 'caf\u00e9 \u00ff\u0080')
  },
  'records: keys in order, symbols and what is not a byte string refused before any get': () => {
    const log: unknown[] = []
    const traced = new Proxy({ a: 'b', '\uffff': 'x', c: 'd' } as Record<string, string>, {
      ownKeys: (target) => {
        log.push('ownKeys')
        return Reflect.ownKeys(target)
      },
      getOwnPropertyDescriptor: (target, key) => {
        log.push(`descriptor ${String(key)}`)
        return Reflect.getOwnPropertyDescriptor(target, key)
      },
      get: (target, key) => {
        log.push(`get ${String(key)}`)
        return Reflect.get(target, key)
      },
    })
    throws(() => new Headers(traced), 'TypeError')
    same(log, [
      'get Symbol(Symbol.iterator)',
      'ownKeys',
      'descriptor a',
      'get a',
      'descriptor \uffff',
    ])
    throws(() => new Headers({ [Symbol('s')]: 'x' } as never), 'TypeError')
    const hidden = Object.defineProperty({ a: '1' }, 'b', { value: '2', enumerable: false })
    same([...new Headers(hidden)], [['a', '1']])
  },
  'sequences: each pair has two items, and a broken one closes the iterator': () => {
    throws(() => new Headers([['a']] as never), 'TypeError')
    throws(() => new Headers([['a', 'b', 'c']] as never), 'TypeError')
    throws(() => new Headers(['ab'] as never), 'TypeError')
    throws(() => new Headers('a' as never), 'TypeError')
    throws(() => new Headers(1 as never), 'TypeError')
    throws(() => new Headers(null as never), 'TypeError')
    let closed = 0
    const list = {
      *[Symbol.iterator]() {
        try {
          yield ['a']
        } finally {
          closed++
        }
      },
    }
    throws(() => new Headers(list as never), 'TypeError')
    same(closed, 1)
  },
  'iteration is sorted, and live': () => {
    const headers = new Headers({ c: '3', a: '1' })
    const iterator = headers.entries()
    same(iterator.next().value, ['a', '1'])
    headers.append('b', '2')
    same(iterator.next().value, ['b', '2'])
    headers.delete('a')
    same(iterator.next().done, true)
    const order: string[] = []
    headers.forEach((value, name, all) => {
      order.push(`${name}=${value}${all === headers}`)
    })
    same(order, ['b=2true', 'c=3true'])
    same(Object.prototype.toString.call(iterator), '[object Headers Iterator]')
    throws(() => headers.forEach(1 as never), 'TypeError')
  },
  'the iterator of one interface is not one of another': () => {
    const next = Object.getPrototypeOf(new Headers().entries()).next
    throws(() => next.call(new URLSearchParams().entries()), 'TypeError')
  },
  'guards: an incoming request is immutable, so are redirect and error': (request) => {
    for (const headers of [
      request.headers,
      Response.redirect('http://x/').headers,
      Response.error().headers,
    ]) {
      throws(() => headers.append('a', 'b'), 'TypeError')
      throws(() => headers.set('a', 'b'), 'TypeError')
      throws(() => headers.delete('a'), 'TypeError')
    }
    const copy = new Headers(request.headers)
    copy.set('a', 'b')
    same(copy.get('a'), 'b')
    new Response(null).headers.set('a', 'b')
    new Request(request).headers.set('a', 'b')
  },
  'a host of names, with repeats and cookies, in time that does not grow with its square': () => {
    const headers = new Headers([
      ['y', ''],
      ['set-cookie', 'a'],
      ['y', 'b'],
      ['y', ''],
      ['set-cookie', 'c'],
    ])
    for (let i = 0; i < 60_000; i++) headers.append(`x-${(i * 7919) % 60_013}`, 'v')
    // A search of the whole list for each name took minutes inside C code, which checks no limit.
    const pairs = [...headers]
    same(pairs.length, 60_003)
    same(pairs.slice(0, 2), [
      ['set-cookie', 'a'],
      ['set-cookie', 'c'],
    ])
    same(pairs.at(-1), ['y', ', b, '])
  },
  'many names, sorted': () => {
    const headers = new Headers()
    for (let i = 999; i >= 0; i--) headers.append(`x-${String(i).padStart(3, '0')}`, `${i}`)
    same(
      [...headers.values()].map(Number),
      Array.from({ length: 1000 }, (_, i) => i),
    )
    for (let i = 0; i < 1000; i++) headers.delete(`x-${String(i).padStart(3, '0')}`)
    same([...headers], [])
  },
})
