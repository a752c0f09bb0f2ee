import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { useProject } from '../testing/bundle-fixture.ts'

// A build starts a process, which may wait long on a machine with other tests on it.
setDefaultTimeout(60_000)

const project = useProject()
const { build, refused, run, text, write } = project

/** The function's default export is a list of functions: what each gives, or the code of its error. */
async function outcomes(source: string) {
  const bundle = await build(source)
  const list = (await run(bundle)) as (() => unknown)[]
  const found: unknown[] = []
  for (const each of list) {
    // Twice: a module that failed must not be found the second time.
    for (let time = 0; time < 2; time++) {
      try {
        found.push(await each())
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        found.push([code, message])
      }
    }
  }
  return { found, warnings: bundle.warnings.map(({ message, line }) => ({ message, line })) }
}

describe('an import that leads nowhere', () => {
  test('fails at run time where the code handles that, with a warning', async () => {
    const { found, warnings } = await outcomes(`
      const a = async () => { try { return await import('not-there') } catch (e) { throw e } }
      const b = () => import('@scope/none/sub').catch((e) => { throw e })
      const c = () => { try { return require('not-there/sub') } catch (e) { throw e } }
      const d = () => import('./none').then((m) => m, (e) => { throw e })
      export default [a, b, c, d]`)
    const error = (name: string) => [
      'MODULE_NOT_FOUND',
      `Cannot find module '${name}' imported from index.ts: it was not found when the function was deployed. Install or create it, and deploy again.`,
    ]
    const names = ['not-there', '@scope/none/sub', 'not-there/sub', './none']
    expect(found).toEqual(names.flatMap((name) => [error(name), error(name)]))
    const fails = 'Its import fails at run time with MODULE_NOT_FOUND, which the code allows for.'
    expect(warnings).toEqual([
      {
        message: `Package 'not-there' is not installed. ${fails} Install it if the function needs it.`,
        line: 2,
      },
      {
        message: `Package '@scope/none' is not installed. ${fails} Install it if the function needs it.`,
        line: 3,
      },
      { message: `'./none' was not found. ${fails}`, line: 5 },
    ])
  })

  test('of a built-in module, too, and of one that the profile does not allow', async () => {
    const { found, warnings } = await outcomes(`
      const codes = (name, e) => [name, e.code]
      export default [
        () => { try { return require('worker_threads') } catch (e) { return codes(1, e) } },
        () => import('node:http2').catch((e) => codes(2, e)),
        async () => { try { return await import('cloudflare:sockets') } catch (e) { return codes(3, e) } },
        () => { try { return require('fs') } catch (e) { return codes(4, e) } },
        () => import('node:child_process').catch((e) => codes(5, e)),
        () => { try { return require('path').sep } catch (e) { return codes(6, e) } },
      ]`)
    const code = 'MODULE_NOT_FOUND'
    const each = [1, 2, 3, 4, 5].map((number) => [number, code])
    expect(found).toEqual([...each.flatMap((one) => [one, one]), '/', '/'])
    expect(warnings.map(({ line }) => line)).toEqual([4, 5, 6, 7, 8])
    expect(warnings[3]?.message).toBe(
      `'fs' needs a profile with allowFilesystem, which this one does not give. Its import fails at run time with MODULE_NOT_FOUND, which the code allows for.`,
    )
  })

  test('is still refused where nothing handles it', async () => {
    for (const line of [
      "import x from 'not-there'",
      "const x = require('not-there')",
      "const x = await import('not-there')",
      "const x = import('not-there').then((m) => m)",
      "try { require('not-there') } catch {}\nconst x = require('not-there')",
    ]) {
      const error = await refused(`${line}\nexport default x`)
      expect(error.message).toContain("Package 'not-there' is not installed")
    }
  })

  test('fails in a module that only such imports need', async () => {
    write('node_modules/driver/package.json', '{"name":"driver","main":"index.js"}')
    write(
      'node_modules/driver/index.js',
      "const net = require('dgram')\nconst none = require('none')\nexports.net = net",
    )
    write('adapter.ts', "import { connect } from 'node:tls'\nexport default connect")
    const { found, warnings } = await outcomes(`
      const load = async () => { try { return await import('driver') } catch (e) { return e.code } }
      export default [load, () => import('./adapter').catch((e) => e.code)]`)
    expect(found).toEqual(Array(4).fill('MODULE_NOT_FOUND'))
    expect(warnings.map(({ message }) => message.split('.')[0]).sort()).toEqual([
      "'dgram' is a module of another platform, which quickjs-ng functions do not have",
      "'node:tls' is a module of another platform, which quickjs-ng functions do not have",
      "Package 'none' is not installed",
    ])
    const error = await refused(
      "import './adapter'\nimport('./adapter').catch(() => 1)\nexport default 1",
    )
    expect(error.message).toContain("'node:tls' is a module of another platform")
  })

  test('of a package that package.json calls optional fails at run time, however it is imported', async () => {
    const fields = [
      '"optionalDependencies":{"redis":"1"}',
      '"peerDependencies":{"redis":"1"},"peerDependenciesMeta":{"redis":{"optional":true}}',
    ]
    for (const field of fields) {
      write('node_modules/store/package.json', `{"name":"store","type":"module",${field}}`)
      write('node_modules/store/index.js', "export const open = () => import('./redis.js')")
      write(
        'node_modules/store/redis.js',
        "import { connect } from 'redis'\nexport default connect",
      )
      const { found, warnings } = await outcomes(
        "import { open } from 'store'\nexport default [() => open().catch((e) => e.code)]",
      )
      expect(found).toEqual(['MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])
      expect(warnings.map(({ message }) => message)).toEqual([
        expect.stringContaining("Package 'redis' is not installed."),
      ])
    }
    const others = [
      '"peerDependencies":{"redis":"1"}',
      '"peerDependenciesMeta":{"redis":{"optional":"yes"}}',
      '"optionalDependencies":["redis"],"peerDependenciesMeta":null',
      '"dependencies":{"redis":"1"}',
    ]
    for (const field of others) {
      write('node_modules/store/package.json', `{"name":"store","type":"module",${field}}`)
      const error = await refused("import { open } from 'store'\nexport default open")
      expect(error.message).toContain("Package 'redis' is not installed")
    }
  })

  test('is the same for Bun functions', async () => {
    const source =
      "export default () => import('not-there').catch((e) => [e.code, e.message.slice(0, 28)])"
    const bundle = await build(source, 'bun')
    const call = (await run(bundle)) as () => Promise<unknown>
    expect(await call()).toEqual(['MODULE_NOT_FOUND', "Cannot find module 'not-ther"])
    expect(bundle.warnings).toHaveLength(1)
  })
})

describe('an optional import opens nothing', () => {
  test('a file outside the root, or of a package that may not be read, is refused as before', async () => {
    write('../outside.ts', 'export default 1')
    write('secrets.json', '{"key":1}')
    write('node_modules/evil/package.json', '{"name":"evil","main":"index.js"}')
    write(
      'node_modules/evil/index.js',
      "try { module.exports = require('../../secrets.json') } catch {}",
    )
    symlinkSync('/etc/hostname', join(project.root(), 'link.json'))
    for (const line of [
      "import('../outside').catch(() => 1)",
      "try { require('./link.json') } catch {}",
      "import('https://example.com/x.js').catch(() => 1)",
      "import 'evil'",
    ]) {
      const error = await refused(`${line}\nexport default 1`)
      expect(error.message).toMatch(/outside|may not import|was not bundled/)
    }
  })

  test('a name cannot write code into the bundle', async () => {
    const name = 'a"+b}/*`*/'
    const source = `const n = () => import(${JSON.stringify(name)}).catch((e) => e.message)\nexport default n`
    const bundle = await build(source)
    expect(await ((await run(bundle)) as () => unknown)()).toContain(name)
  })

  test('names of prototypes are names', async () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const error = await refused(`import x from '${name}'\nexport default x`)
      expect(error.message).toContain(`'${name}'`)
      const bundle = await build(`export default () => import('${name}').catch((e) => e.code)`)
      expect(await ((await run(bundle)) as () => unknown)()).toBe('MODULE_NOT_FOUND')
    }
  })
})

test('every error is reported, with its place, and only once', async () => {
  write('a.ts', "import 'none-a'\nimport net from 'node:tls'\nexport default net\n")
  write('b.ts', "import x from './gone'\nexport default x\n")
  const error = await refused(
    "import a from './a'\nimport b from './b'\nimport w from 'worker_threads'\nexport default [a, b, w]",
  )
  const all = [{ message: error.message, position: error.position }, ...error.others]
  expect(
    all
      .map(({ message, position }) => `${position?.file}:${position?.line} ${message.slice(0, 22)}`)
      .sort(),
  ).toEqual([
    "a.ts:1 Package 'none-a' is no",
    "a.ts:2 'node:tls' is a module",
    "b.ts:1 './gone' was not found",
    "index.ts:3 'worker_threads' is a ",
  ])
  write('c.ts', 'const = 1\n')
  write('d.ts', 'export default }\n')
  const syntax = await refused("import './c'\nimport './d'\nimport 'none-e'\nexport default 1")
  const files = [syntax.position, ...syntax.others.map(({ position }) => position)]
  expect([...new Set(files.map((position) => position?.file))].sort()).toEqual([
    'c.ts',
    'd.ts',
    'index.ts',
  ])
})

test('a warning has all its places, and counts those that it does not list', async () => {
  const lines = Array.from(
    { length: 9 },
    (_, index) => `export const f${index} = () => indexedDB.x${index}`,
  )
  write('node_modules/p/index.js', lines.join('\n'))
  const { warnings } = await build(
    "import * as p from 'p'\nexport default [p, () => indexedDB.title, typeof window]",
  )
  expect(warnings).toHaveLength(1)
  const [{ places, more, message } = { places: [], more: 0, message: '' }] = warnings
  expect([message, places.length, more]).toEqual([
    "'indexedDB' is not available in quickjs-ng functions.",
    4,
    5,
  ])
  expect(text(await build('export default () => globalThis.indexedDB?.title'))).toContain(
    'indexedDB',
  )
})
