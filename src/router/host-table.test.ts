import { describe, expect, test } from 'bun:test'
import { type HostPattern, parseFunctionPattern } from '../lib/host-name.ts'
import { seeded } from '../testing/prng.ts'
import { HostTable, type Mount } from './host-table.ts'

const mount = (name: string, prefix = ''): Mount => ({ project: 'default', name, prefix })

function tableOf(...rows: [string, string, string][]): HostTable {
  const table = new HostTable()
  table.load(rows.map(([host, prefix, name]) => [host, mount(name, prefix)] as const))
  return table
}

const found = (table: HostTable, host: string, rest = '/') =>
  table.find(host, `http://${host}${rest}`)?.name

describe('a route', () => {
  test('of a host leads every path of it to the function', () => {
    const table = tableOf(['a.com', '', 'f'])
    for (const path of ['/', '/x', '/functions/g', '/health', '/?a=/b', '//'])
      expect([path, found(table, 'a.com', path)]).toEqual([path, 'f'])
    expect(found(table, 'b.com')).toBeUndefined()
    expect(found(table, 'x.a.com')).toBeUndefined()
  })

  test('has the longest prefix that ends with a segment', () => {
    const table = tableOf(
      ['a.com', '', 'root'],
      ['a.com', '/api', 'api'],
      ['a.com', '/api/v1', 'v1'],
    )
    const rows: [string, string][] = [
      ['/', 'root'],
      ['/api', 'api'],
      ['/api/', 'api'],
      ['/api?x=/v1', 'api'],
      ['/api/v1', 'v1'],
      ['/api/v1/', 'v1'],
      ['/api/v1?y', 'v1'],
      ['/api/v12', 'api'],
      ['/api/v1x/v1', 'api'],
      ['/apis', 'root'],
      ['/API', 'root'],
      ['/%61pi', 'root'],
      ['//api', 'root'],
      ['/?/api', 'root'],
      ['/api/v1/and/very/much/longer/than/the/prefixes', 'v1'],
    ]
    for (const [path, name] of rows)
      expect([path, found(table, 'a.com', path)]).toEqual([path, name])
  })

  test('with a prefix leaves other paths to those below it in exactness, or to none', () => {
    const table = tableOf(
      ['x.a.com', '/api', 'api'],
      ['*.a.com', '', 'any'],
      ['b.com', '/api', 'b'],
    )
    expect(found(table, 'x.a.com', '/api/1')).toBe('api')
    expect(found(table, 'x.a.com', '/other')).toBe('any')
    expect(found(table, 'b.com', '/other')).toBeUndefined()
  })

  test('of a wildcard holds for one level', () => {
    const table = tableOf(['*.a.com', '', 'any'], ['x.a.com', '', 'x'])
    expect(found(table, 'y.a.com')).toBe('any')
    expect(found(table, 'x.a.com')).toBe('x')
    for (const host of ['a.com', 'y.x.a.com', 'y.b.com', 'com', '', '*.a.com.x'])
      expect([host, found(table, host)]).toEqual([host, undefined])
  })

  test('is replaced and removed', () => {
    const table = tableOf(['a.com', '', 'f'], ['*.a.com', '', 'any'])
    table.replace('a.com', [mount('g'), mount('h', '/h')])
    expect([found(table, 'a.com'), found(table, 'a.com', '/h')]).toEqual(['g', 'h'])
    table.replace('a.com', [mount('h', '/h')])
    expect([found(table, 'a.com'), found(table, 'a.com', '/h')]).toEqual([undefined, 'h'])
    table.replace('a.com', [])
    table.replace('*.a.com', [])
    expect(found(table, 'y.a.com')).toBeUndefined()
    expect(table.empty).toBe(true)
  })
})

test('patterns come after the routes', () => {
  const table = tableOf(['api.shop.a.com', '', 'own'])
  table.patterns = [parseFunctionPattern('{name}.{project}.a.com') as HostPattern]
  expect(found(table, 'api.shop.a.com')).toBe('own')
  expect(table.find('web.shop.a.com', 'http://web.shop.a.com/')).toEqual({
    project: 'shop',
    name: 'web',
    prefix: '',
  })
  expect(table.ofHost('api.shop.a.com')).toBe('routed')
  expect(table.ofHost('x.y.a.com')).toMatchObject({ name: 'x', project: 'y' })
  expect(table.ofHost('a.com')).toBeUndefined()
})

test('agrees with a plain implementation for random hosts and paths', () => {
  const random = seeded(14)
  const labels = ['a', 'b', 'ab', 'x-1']
  const segments = ['a', 'b', 'ab', 'A', '%61', 'a.b', '']
  const hostOf = () => Array.from({ length: 1 + random(3) }, () => labels[random(4)]).join('.')
  const pathOf = (from: string[]) =>
    Array.from({ length: random(5) }, () => `/${from[random(from.length)]}`).join('')
  const routes = new Map<string, [string, string, string]>()
  for (let at = 0; at < 300; at++) {
    const host = `${random(3) === 0 ? '*.' : ''}${hostOf()}`
    const prefix = pathOf(segments.slice(0, -1))
    routes.set(host + prefix, [host, prefix, `f${at}`])
  }
  const table = tableOf(...routes.values())
  const covers = (prefix: string, path: string) =>
    path.split(/[?#]/, 1)[0] === prefix || path.split(/[?#]/, 1)[0]?.startsWith(`${prefix}/`)
  const expected = (host: string, path: string) => {
    const [, ...above] = host.split('.')
    for (const of of [host, `*.${above.join('.')}`]) {
      const fitting = [...routes.values()].filter(
        ([name, prefix]) => name === of && covers(prefix, path),
      )
      fitting.sort(([, one], [, other]) => other.length - one.length)
      if (fitting[0] !== undefined) return fitting[0][2]
    }
    return undefined
  }
  for (let at = 0; at < 5000; at++) {
    const host = hostOf()
    const path = `${pathOf(segments)}${['', '/', '?', '?q=/a/b', '#/a'][random(5)]}`
    const sent = path.startsWith('/') ? path : `/${path}`
    expect([host, sent, found(table, host, sent)]).toEqual([host, sent, expected(host, sent)])
  }
})

test('a path of very many segments costs no more than the longest prefix', () => {
  const table = tableOf(['a.com', '', 'root'], ['a.com', '/a/b', 'ab'])
  expect(found(table, 'a.com', '/a'.repeat(100_000))).toBe('root')
  expect(found(table, 'a.com', '/'.repeat(100_000))).toBe('root')
})
