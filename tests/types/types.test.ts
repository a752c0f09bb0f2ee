/** `functions types`: declares exactly what a worker has, and the examples need nothing else. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, run } from '../e2e/harness.ts'
import { startZygote } from '../worker/harness.ts'

let dir: string
let file: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'functions-types-'))
  file = join(dir, 'functions.d.ts')
  const result = await run(['types', '--json'], { cwd: dir })
  expect(result).toMatchObject({ exitCode: 0, stdout: `${JSON.stringify({ file })}\n` })
})

afterAll(() => rmSync(dir, { recursive: true }))

const VALUE = /^declare (?:var|let|const|function|class|namespace) (\w+)/gm
const valuesOf = (text: string) => [...text.matchAll(VALUE)].map((match) => match[1] as string)

/** What TypeScript's own libraries declare of ECMAScript, which no project can leave out. */
function ecmascript(): Set<string> {
  const folder = join(ROOT, 'node_modules/@typescript')
  const lib = join(
    folder,
    readdirSync(folder).find((name) => name.startsWith('typescript-')) ?? '',
    'lib',
  )
  const files = readdirSync(lib).filter((name) => /^lib\.es.*\.d\.ts$/.test(name))
  return new Set(files.flatMap((name) => valuesOf(readFileSync(join(lib, name), 'utf8'))))
}

/** Declared with ECMAScript, but missing in a worker. */
const DECLARED_ONLY = ['Intl', 'Temporal']
/** Of ECMAScript, but not declared as the others are. */
const UNDECLARED = ['Iterator', 'globalThis', 'undefined', 'escape', 'unescape']

test('the globals are those of a worker, neither more nor fewer', async () => {
  const template = await startZygote()
  const worker = await template.worker({
    bundle: `const names = []
      for (let at = globalThis; at !== Object.prototype; at = Object.getPrototypeOf(at))
        names.push(...Object.getOwnPropertyNames(at))
      export default () => Response.json(names.filter((name) => name !== 'constructor'))`,
  })
  const actual = new Set((await worker.json()) as string[])
  await template.close()
  const ecma = ecmascript()
  const declared = new Set(valuesOf(readFileSync(file, 'utf8')))
  const all = [...declared, ...ecma].filter((name) => !DECLARED_ONLY.includes(name))
  expect(all.filter((name) => !actual.has(name)).sort()).toEqual([])
  const beyond = [...actual].filter((name) => !ecma.has(name) && !UNDECLARED.includes(name))
  expect(beyond.filter((name) => !declared.has(name)).sort()).toEqual([])
})

function compile(sources: string[], more: object = {}) {
  const options = {
    target: 'ESNext',
    lib: ['ESNext'],
    types: [],
    module: 'Preserve',
    strict: true,
    ...more,
  }
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, noEmit: true }, files: [file, ...sources] }),
  )
  const { stdout, exitCode } = Bun.spawnSync([join(ROOT, 'node_modules/.bin/tsc'), '-p', dir])
  return { said: stdout.toString(), exitCode }
}

test('every example compiles against them, without the DOM', () => {
  const examples = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts'))
  const sources = examples.map((name) => join(ROOT, 'examples', name))
  // Declarations of packages may name what only other platforms have.
  expect(compile(sources, { skipLibCheck: true })).toEqual({ said: '', exitCode: 0 })
})

test('handlers are checked, and a missing global is an error', () => {
  const good = join(dir, 'good.ts')
  writeFileSync(
    good,
    `const handler: FunctionHandler = async (req, ctx) => {
      ctx.waitUntil(Promise.resolve())
      for await (const chunk of req.body ?? []) console.log(chunk.length)
      const timer: number = setInterval(console.log, 1000, 'tick').unref()
      clearInterval(timer)
      return Response.json({ id: ctx.requestId, from: ctx.clientAddress?.length, left: ctx.deadline - Date.now(), token: ctx.env.TOKEN })
    }
    export default handler
    export const object: FunctionObject = { fetch: (req, env, { project }) => new Response(project + env.A) }`,
  )
  expect(compile([good])).toEqual({ said: '', exitCode: 0 })
  const bad = join(dir, 'bad.ts')
  writeFileSync(bad, 'export default [document, WebSocket, WebAssembly, localStorage]')
  const missing = [...compile([bad]).said.matchAll(/Cannot find name '(\w+)'/g)]
  expect(missing.map((match) => match[1])).toEqual([
    'document',
    'WebSocket',
    'WebAssembly',
    'localStorage',
  ])
})

test('are written only to a declaration file', async () => {
  symlinkSync('/nowhere/x', join(dir, 'broken.d.ts'))
  const wrong = await run(['types', 'functions.ts'], { cwd: dir })
  expect(wrong).toMatchObject({ exitCode: 2, stdout: '' })
  const unwritable = await run(['types', 'broken.d.ts'], { cwd: dir })
  expect(unwritable.stderr).toMatch(/broken\.d\.ts cannot be written \(ENOENT\)/)
})
