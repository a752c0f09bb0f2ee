import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { findTarget } from './exports.ts'

setDefaultTimeout(60_000)

const find = (field: unknown, path = '.', ...conditions: string[]) =>
  findTarget(field, path, new Set(conditions))

describe('a path of exports', () => {
  test('is found by the first condition that counts, also nested and in lists', () => {
    expect(find('./a.js')).toEqual({ target: './a.js', via: ['.'] })
    expect(find({ worker: './w.js', default: './d.js' }, '.', 'worker')?.target).toBe('./w.js')
    expect(find({ worker: './w.js', default: './d.js' })?.target).toBe('./d.js')
    const nested = { '.': { workerd: { require: './r.cjs', import: './i.js' }, import: './n.js' } }
    expect(find(nested, '.', 'workerd', 'import')).toEqual({
      target: './i.js',
      via: ['.', 'workerd', 'import'],
    })
    expect(find(nested, '.', 'import')?.via).toEqual(['.', 'import'])
    expect(find([{ node: './n.js' }, './d.js'])?.target).toBe('./d.js')
    expect(find({ node: './n.js', worker: { node: './m.js' } }, '.', 'worker')).toBeUndefined()
  })

  test('is found by its name or by the pattern with the longest base', () => {
    const field = {
      './a': './a.js',
      './*': './src/*.js',
      './lib/*': './lib/*/x.js',
      './lib/no': null,
    }
    expect(find(field, './a')?.target).toBe('./a.js')
    expect(find(field, './b')?.target).toBe('./src/b.js')
    expect(find(field, './lib/b')).toEqual({ target: './lib/b/x.js', via: ['./lib/*'] })
    expect(find(field, './lib/no')).toBeUndefined()
    expect(find(field, '.')).toBeUndefined()
    expect(find({ '#x': 'other/y' }, '#x')?.target).toBe('other/y')
  })

  test('leads nowhere outside of the package', () => {
    for (const target of [
      '../x.js',
      './../x.js',
      './a/../../x',
      './a/%2e%2e/x',
      './a\\..\\x',
      'x',
      '/x',
      './node_modules/y/x.js',
      './a/%2E./x',
    ]) {
      expect([target, find({ '.': target })]).toEqual([target, undefined])
    }
    expect(find({ './*': './src/*' }, './../../secret')).toBeUndefined()
  })

  test('is no name of a prototype', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect(find({ './a': './a.js' }, `./${name}`)).toBeUndefined()
      expect(find({ './a': './a.js' }, name)).toBeUndefined()
      expect(find({ worker: './w.js' }, '.', name)).toBeUndefined()
    }
    const own = JSON.parse('{"./__proto__":"./p.js","./x":{"__proto__":"./q.js"}}')
    expect(find(own, './__proto__')?.target).toBe('./p.js')
    expect(find(own, './x', '__proto__')?.target).toBe('./q.js')
  })

  test('is not searched without end', () => {
    const circular: Record<string, unknown> = {}
    circular.default = circular
    expect(find(circular)).toBeUndefined()
    const list: unknown[] = []
    list.push(list, list, list)
    expect(find(list)).toBeUndefined()
    let deep: unknown = './deep.js'
    for (let depth = 0; depth < 5000; depth++) deep = { default: deep }
    expect(find(deep)).toBeUndefined()
    const many = Object.fromEntries(
      Array.from({ length: 500_000 }, (_, at) => [`c${at}`, './c.js']),
    )
    expect(find({ ...many, default: './d.js' })).toBeUndefined()
    const wide = Array.from({ length: 3000 }, () => ({ x: { y: 1 }, default: { z: 1 } }))
    expect(find([...wide, ...wide])).toBeUndefined()
    for (const field of [null, 1, true, [], {}, [null], { '.': 1 }]) {
      expect(find(field)).toBeUndefined()
    }
  })
})
