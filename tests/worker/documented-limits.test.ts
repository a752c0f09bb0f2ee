/** docs/limits.md: the numbers of its tables are read from the page, and hold in the real worker. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configSchema } from '../../src/config/schema.ts'
import { parseDuration, parseSize } from '../../src/units.ts'
import { SANITIZED, startZygote, type TestZygote } from './harness.ts'

const ROOT = join(import.meta.dir, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8')

const ROWS = [...PAGE.matchAll(/^\| (?!what |---)(.+) \|$/gm)].map(([, row = '']) => {
  const [what = '', limit = '', beyond = '', test = ''] = row.split(' | ')
  return { what, limit, beyond, test }
})
const OWN = ROWS.filter(({ test }) => test === 'own')

/**
 * By row: source of a function of the number that returns something, or throws, a name of an error, or
 * a response that the worker refuses.
 */
const PROBES: Record<string, string> = {
  'nested calls of a small function':
    '(n) => { const f = (i) => i < n ? 1 + f(i + 1) : 1; return f(1) }',
  'nested calls of a small async function':
    'async (n) => { const f = async (i) => i < n ? 1 + await f(i + 1) : 1; return f(1) }',
  'arguments of a call': '(n) => Math.max(...Array(n).fill(1))',
  // Its memory does not hold as many, so the limit itself is only looked at from above.
  'characters of a string': '(n) => n > 1073741823 ? "a".repeat(n) : "a".repeat(n / 100)',
  'elements of an array': '(n) => new Array(n).length',
  // -(2^(n - 1)) has n bits.
  'bits of a BigInt': '(n) => (-1n << BigInt(n - 1)) < 0n',
  'depth of what JSON.parse reads': '(n) => JSON.parse("[".repeat(n) + "]".repeat(n)).length',
  'depth of what JSON.stringify writes':
    '(n) => { let o = []; for (let i = 1; i < n; i++) o = [o]; return JSON.stringify(o).length }',
  'depth of what structuredClone copies':
    '(n) => { let o = []; for (let i = 1; i < n; i++) o = [o]; return structuredClone(o).length }',
  'groups of a regular expression': '(n) => new RegExp("(a)".repeat(n)).exec("a".repeat(n)).length',
  'bytes of a group name': '(n) => new RegExp("(?<" + "n".repeat(n) + ">a)").test("a")',
  'depth of groups in a regular expression':
    '(n) => new RegExp("(?:".repeat(n) + "a" + ")".repeat(n)).test("a")',
  'repetitions with a count inside each other':
    '(n) => new RegExp("(?:".repeat(n) + "a" + "){2,3}".repeat(n)).test("b")',
  'bytes of crypto.getRandomValues': '(n) => crypto.getRandomValues(new Uint8Array(n)).length',
  'delay of a timer, ms':
    '(n) => Promise.race([new Promise((r) => setTimeout(r, n, "fired")), new Promise((r) => setTimeout(r, 200, "waits"))])',
  'characters of a URLPattern':
    '(n) => new URLPattern({ pathname: "/".padEnd(n, "a") }).pathname.length',
  'headers of a response, content-type included':
    '(n) => new Response("x", { headers: Array.from({ length: n - 1 }, (_, i) => ["h" + i, "v"]) })',
  'bytes of the headers of a response':
    '(n) => new Response(new Uint8Array(1), { headers: { a: "v".repeat(n - 1) } })',
  'headers of a fetch':
    '(n) => Promise.race([new Promise((r) => setTimeout(r, 200, "sent")), fetch("http://h.test/", { headers: Array.from({ length: n }, (_, i) => ["h" + i, "v"]) })])',
}

const numberOf = (text: string) => Number(/\d[\d,]*/.exec(text)?.[0].replaceAll(',', ''))

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote()
})
afterAll(() => zygote.close())

/** What the probe gives for a number: `ok: value`, the name of an error, or the code of a failure. */
async function run(what: string, n: number): Promise<string> {
  const bundle = `export default async () => {
    try {
      const value = await (${PROBES[what]})(${n})
      return value instanceof Response ? value : new Response('ok: ' + value)
    } catch (error) { return new Response(error.name) }
  }`
  const worker = await zygote.worker({ bundle })
  const { text, error, status } = await worker.invoke({ deadlineMs: 60_000, cpuMs: 60_000 })
  worker.close()
  if (error !== undefined) return error.code
  return status === 200 && text.length === 1 ? 'ok: response' : text
}

describe('a limit of the language or of a response', () => {
  test('has a probe, and each probe a row', () => {
    expect(Object.keys(PROBES).toSorted()).toEqual(OWN.map(({ what }) => what).toSorted())
  })

  // A sanitized worker needs more stack for each call.
  const rows = SANITIZED ? OWN.filter(({ limit }) => !limit.startsWith('at least')) : OWN
  test.each(rows)(
    '$what: $limit',
    async ({ what, limit, beyond }) => {
      const least = limit.startsWith('at least')
      const n = numberOf(limit)
      const inside = await run(what, n)
      expect(inside).toStartWith('ok: ')
      const outside = await run(what, least ? n * 30 : n + 1)
      if (what === 'delay of a timer, ms')
        expect([inside, outside]).toEqual(['ok: waits', 'ok: fired'])
      else expect(outside).toContain(beyond)
    },
    180_000,
  )
})

/** `100MB (`server.max_body`)`: the text of a value, and the setting that it is the default of. */
const SETTINGS = [...PAGE.matchAll(/(\d[\d,.]*(?:[A-Za-z]+)?)[^(|\d]*\(`(\w+)\.(\w+)`\)/g)]

describe('a limit with a setting', () => {
  const sections = Object.keys(configSchema.shape).map((name) => [name, {}])
  const config = configSchema.parse({
    ...Object.fromEntries(sections),
    server: { socket: '/s' },
    secrets: { keyFile: '/k' },
  }) as unknown as Record<string, Record<string, number>>

  test('is the default of that setting', () => {
    expect(SETTINGS.length).toBeGreaterThan(9)
    for (const [, text = '', group = '', name = ''] of SETTINGS) {
      const key = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
      const plain = text.replaceAll(',', '')
      const value = /^\d+$/.test(plain) ? Number(plain) : (parseDuration(plain) ?? parseSize(plain))
      expect([`${group}.${name}`, value]).toEqual([`${group}.${name}`, config[group]?.[key]])
    }
  })
})

test('each row names its test, which exists', () => {
  expect(ROWS.length).toBeGreaterThan(30)
  for (const { what, test: proof } of ROWS) {
    if (proof === 'own') continue
    const [, file = '', title = ''] = /^`([^`]+)`(?:: (.+))?$/.exec(proof) ?? []
    expect([what, existsSync(join(ROOT, file))]).toEqual([what, true])
    expect([what, readFileSync(join(ROOT, file), 'utf8').includes(title)]).toEqual([what, true])
  }
})
