/** URLPattern against the data files of web-platform-tests. Skipped when they are missing. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { useTemplate } from './harness.ts'

const PATTERNS = join(
  import.meta.dir,
  '../../../shared/wpt-data/urlpattern-urlpatterntestdata.json',
)
const RESOURCES = join(process.env.WPT_ROOT ?? '/nowhere', 'urlpattern/resources')
const COMPARE = join(RESOURCES, 'urlpattern-compare-test-data.json')
const GENERATE = join(RESOURCES, 'urlpattern-generate-test-data.json')

/**
 * Evaluates every case in the worker, by the rules of urlpatterntests.js; returns those that
 * failed.
 */
const BUNDLE = `
  const PARTS = ['protocol', 'username', 'password', 'hostname', 'port', 'pathname', 'search', 'hash']
  const EARLIER = {
    protocol: [], hostname: ['protocol'], port: ['protocol', 'hostname'], username: [], password: [],
    pathname: ['protocol', 'hostname', 'port'], search: ['protocol', 'hostname', 'port', 'pathname'],
    hash: ['protocol', 'hostname', 'port', 'pathname', 'search'],
  }
  const attempt = (run) => { try { return run() } catch (error) { return error instanceof TypeError ? 'error' : String(error) } }
  const text = (value) => JSON.stringify(value, (_, inner) => inner === undefined ? null : inner)

  function expectedPart(entry, part) {
    const given = entry.expected_obj?.[part]
    if (given != null) return given
    const [first, second] = entry.pattern
    const base = first?.baseURL ? new URL(first.baseURL) : typeof second === 'string' ? new URL(second) : null
    if (entry.exactly_empty_components?.includes(part)) return ''
    if (typeof first === 'object' && first[part]) return first[part]
    if (typeof first === 'object' && EARLIER[part].some((name) => name in first)) return '*'
    if (base === null || part === 'username' || part === 'password') return '*'
    const value = base[part]
    return part === 'protocol' ? value.slice(0, -1) : part === 'search' || part === 'hash' ? value.slice(1) : value
  }

  function expectedMatch(entry, part) {
    const given = entry.expected_match[part]
    if (given) return given
    return { input: '', groups: entry.exactly_empty_components?.includes(part) ? {} : { 0: '' } }
  }

  function sameGroups(actual, expected) {
    const names = Object.keys(expected)
    return Object.keys(actual).length === names.length &&
      names.every((name) => Object.hasOwn(actual, name) && actual[name] === (expected[name] ?? undefined))
  }

  function check(entry) {
    const pattern = attempt(() => new URLPattern(...entry.pattern))
    if (entry.expected_obj === 'error') return pattern === 'error' ? [] : ['did not throw']
    if (typeof pattern === 'string') return ['threw ' + pattern]
    const wrong = []
    for (const part of PARTS) {
      const want = expectedPart(entry, part)
      if (pattern[part] !== want) wrong.push([part, pattern[part], want])
    }
    const tested = attempt(() => pattern.test(...entry.inputs))
    const matched = attempt(() => pattern.exec(...entry.inputs))
    if (entry.expected_match === 'error') {
      if (tested !== 'error' || matched !== 'error') wrong.push(['match', tested, matched])
      return wrong
    }
    if (tested !== !!entry.expected_match) wrong.push(['test', tested])
    if (!entry.expected_match || typeof entry.expected_match !== 'object') {
      if (matched !== entry.expected_match) wrong.push(['exec', matched])
      return wrong
    }
    if (matched === null || typeof matched !== 'object') return [...wrong, ['exec', matched]]
    const inputs = entry.expected_match.inputs ?? entry.inputs
    if (text(matched.inputs) !== text(inputs) && !sameInputs(matched.inputs, inputs)) wrong.push(['inputs', matched.inputs])
    for (const part of PARTS) {
      const want = expectedMatch(entry, part)
      const got = matched[part]
      if (got.input !== want.input || !sameGroups(got.groups, want.groups)) wrong.push([part, got, want])
    }
    return wrong
  }

  const sameInputs = (actual, expected) => actual.length === expected.length && actual.every((input, i) =>
    typeof input === 'string' ? input === expected[i] : PARTS.every((part) => input[part] === expected[i][part]))

  const checks = {
    match: check,
    compare({ component, left, right, expected }) {
      const [a, b] = [new URLPattern(left), new URLPattern(right)]
      const got = [[a, b], [b, a], [a, a], [b, b]].map((pair) => URLPattern.compareComponent(component, ...pair))
      return text(got) === text([expected, 0 - expected, 0, 0]) ? [] : got
    },
    generate({ pattern, component, groups, expected }) {
      const made = attempt(() => new URLPattern(pattern).generate(component, groups))
      return made === (expected ?? 'error') ? [] : [made]
    },
  }
  export default async (request) => {
    const run = checks[new URL(request.url).pathname.slice(1)]
    const list = await request.json()
    const wrong = list.map((entry) => [text(entry), run(entry)]).filter(([, found]) => found.length > 0)
    return Response.json(wrong)
  }`

const template = useTemplate()

async function wrongOnes(check: string, file: string): Promise<unknown> {
  const worker = await template().worker({ bundle: BUNDLE })
  const result = await worker.json(`/${check}`, { method: 'POST', body: readFileSync(file) })
  worker.close()
  return result
}

describe('URLPattern', () => {
  test.skipIf(!existsSync(PATTERNS))('urlpatterntestdata.json', async () => {
    expect(await wrongOnes('match', PATTERNS)).toEqual([])
  })
  test.skipIf(!existsSync(COMPARE))('urlpattern-compare-test-data.json', async () => {
    expect(await wrongOnes('compare', COMPARE)).toEqual([])
  })
  test.skipIf(!existsSync(GENERATE))('urlpattern-generate-test-data.json', async () => {
    expect(await wrongOnes('generate', GENERATE)).toEqual([])
  })
})
