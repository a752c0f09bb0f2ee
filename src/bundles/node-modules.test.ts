import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { NAMED_PROFILES } from '../capabilities/profiles.ts'
import type { Runtime } from '../capabilities/runtime.ts'
import { useProject } from '../testing/bundle-fixture.ts'
import { buildBundle } from './build.ts'
import type { Bundle } from './bundle-store.ts'
import { UNDECLARED_MARK } from './globals.ts'
import { findProject } from './project.ts'

// A build starts a process, which may wait long on a machine with other tests on it.
setDefaultTimeout(60_000)

const { build, refused, run, text, write } = useProject()

describe('modules of Node', () => {
  test('that do not exist are named with their line, also those that only some profiles allow', async () => {
    for (const [name, why] of [
      ['node:worker_threads', 'which quickjs-ng functions do not have'],
      ['http2', 'which quickjs-ng functions do not have: use fetch'],
      ['node:http2', 'which quickjs-ng functions do not have: use fetch'],
      ['cloudflare:sockets', 'which quickjs-ng functions do not have'],
    ]) {
      const error = await refused(`\n// none\nconst m = require('${name}')\nexport default m`)
      expect(error.message).toBe(`'${name}' is a module of another platform, ${why}.`)
      expect(error.position).toEqual({ file: 'index.ts', line: 3, column: 19 })
    }
  })

  test('name the export that they have not', async () => {
    const error = await refused("\nimport { join, glob } from 'path'\nexport default glob")
    expect(error.message).toBe("'node:path' has no export 'glob' in quickjs-ng functions.")
    expect(error.position).toEqual({ file: 'index.ts', line: 2, column: 16 })
  })

  test('are taken in only where they are imported, as one', async () => {
    const plain = await build('export default () => new Response()')
    expect(text(plain).length).toBeLessThan(200)
    const bundle = await build(`import { Buffer } from 'node:buffer'
      import { StringDecoder } from 'string_decoder'
      export default [Buffer, StringDecoder]`)
    expect(text(bundle).match(/class FastBuffer\b/g)).toHaveLength(1)
  })

  test('are no obstacle as types', async () => {
    const bundle = await build(
      "import { Socket } from 'node:net'\nimport type { Agent } from 'node:http'\nexport default (s: Socket, a: Agent) => 1",
    )
    expect(text(bundle)).not.toContain('net')
  })

  test('give way to what a package has for browsers', async () => {
    write('node_modules/p/package.json', '{"name":"p","browser":{"fs":false,"net":"./net.js"}}')
    write('node_modules/p/net.js', 'module.exports = "own net"')
    write('node_modules/p/index.js', 'module.exports = [require("net"), require("fs")]')
    const [net] = (await run(await build("import p from 'p'\nexport default p"))) as unknown[]
    expect(net).toBe('own net')
  })

  test('and what is native to them are no import of a tenant’s', async () => {
    for (const name of ['fn:worker', 'fn:async', 'functions:node:path', 'functions:globals']) {
      const error = await refused(`\nimport * as m from '${name}'\nexport default m`)
      expect(error.position).toMatchObject({ file: 'index.ts', line: 2 })
    }
  })
})

describe('globals that do not exist', () => {
  const warnings = async (source: string, runtime?: Runtime) =>
    (await build(source, runtime)).warnings

  test('are warned of, once each, where the tenant’s sources use them without a test', async () => {
    write(
      'node_modules/p/index.js',
      'if (typeof WebSocket === "undefined") { globalThis.x = 1 }\n\nmodule.exports = () => new WebSocket()\n',
    )
    const source = `import p from 'p'
      const Intl = { mine: true }
      export default (Worker) => [Worker, p, Intl, typeof document, { document: 1 }.document,
        WebAssembly, globalThis.indexedDB, eval('1'), Function.prototype, new Function('a')]`
    const missing = 'is not available in quickjs-ng functions.'
    const evals = 'compiles text at run time, which needs a profile with allowEval.'
    const at = (message: string, file: string, line: number) => {
      return { message, file, line, column: expect.any(Number), places: [], more: 0 }
    }
    expect(await warnings(source)).toEqual([
      at(`'WebSocket' ${missing}`, 'node_modules/p/index.js', 3),
      at(`'WebAssembly' ${missing}`, 'index.ts', 4),
      at(`'indexedDB' ${missing}`, 'index.ts', 4),
      at(`'eval' ${evals}`, 'index.ts', 4),
      at(`'Function' ${evals}`, 'index.ts', 4),
    ])
    expect(await warnings(source, 'bun')).toEqual([])
  })

  test('leave the bundle as it would be without the warning', async () => {
    const bundle = await build(
      'export default () => [typeof WebAssembly, Buffer.from("é"), process.env.A, global]',
    )
    const code = text(bundle)
    expect(code.includes('[typeof WebAssembly, Buffer.from("é"), process.env.A, globalThis]')).toBe(
      true,
    )
    expect(code.includes(UNDECLARED_MARK)).toBe(false)
  })

  test('are those of the profile: eval is none of them where it is allowed', async () => {
    const project = findProject(write('index.ts', 'export default () => new Function("1")'))
    const all = { ...NAMED_PROFILES.permissive, projectId: 'default' }
    expect((await buildBundle(project, 'quickjs-ng', all)).warnings).toEqual([])
  })

  test('of Node are made before anything of the bundle runs', async () => {
    write(
      'node_modules/p/index.js',
      'module.exports = [Buffer.from("x").length, typeof process.nextTick]',
    )
    const bundle = await build("import p from 'p'\nexport const named = 1\nexport default p")
    expect(await run({ ...bundle, code: withoutNative(bundle) })).toEqual([1, 'function'])
  })

  /** What a worker gives natively is put in its place. */
  const withoutNative = (bundle: Bundle) =>
    new TextEncoder().encode(
      text(bundle).replace(/^import \{ (.+) \} from "fn:\w+";$/gm, (_, names: string) => {
        const locals = names.split(', ').map((name) => name.split(' as ').at(-1))
        return locals.map((name) => `const ${name} = {}`).join('; ')
      }),
    )

  test('take no path of the machine that deploys into the bundle', async () => {
    const bundle = await build('export default () => [__dirname, __filename]')
    const names = await run(bundle)
    expect((names as () => string[])()).toEqual(['/function', '/function/index.ts'])
  })
})
