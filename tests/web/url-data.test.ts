/** The data files of web-platform-tests. Skipped when they are missing. */
import { describe, expect, test } from 'bun:test'
import { useTemplate } from './harness.ts'
import { haveData, readData as read } from './wpt-data.ts'

const there = haveData(
  'url-urltestdata.json',
  'url-setters_tests.json',
  'url-toascii.json',
  'url-IdnaTestV2.json',
  'url-percent-encoding.json',
)

/** Names with characters that Unicode assigned after the data was made. */
const UNICODE_17 = [
  '\u{32931}20.\u97f3.\ua8661.',
  'xn--20-9802c.xn--0w5a.xn--1-eg4e.',
  'xn--9-i0j5967eg3qz.ss',
]

interface UrlCase {
  input: string
  base?: string | null
  href?: string
  failure?: boolean
}

/** Evaluates every case in the worker; returns those that failed. */
const BUNDLE = `
  const parts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port',
    'pathname', 'search', 'hash']
  const checks = {
    parse(list) {
      const wrong = []
      for (const one of list) {
        const base = one.base ?? undefined
        const url = URL.parse(one.input, base)
        let thrown = false
        try { new URL(one.input, base) } catch (error) { thrown = error instanceof TypeError }
        const valid = !one.failure
        if (URL.canParse(one.input, base) !== valid || thrown === valid) wrong.push([one.input, one.base, 'validity'])
        else if (valid) for (const part of parts) {
          if (part in one && url[part] !== one[part]) wrong.push([one.input, one.base, part, url[part], one[part]])
        }
        else if (url !== null) wrong.push([one.input, one.base, url.href])
      }
      return wrong
    },
    set(list) {
      const wrong = []
      for (const one of list) {
        const url = new URL(one.href)
        url[one.part] = one.new_value
        for (const [part, value] of Object.entries(one.expected)) {
          if (url[part] !== value) wrong.push([one.href, one.part, one.new_value, part, url[part], value])
        }
      }
      return wrong
    },
    host(list) {
      const wrong = []
      for (const { input, output } of list) {
        const url = URL.parse('https://' + input + '/x')
        if ((url === null ? null : url.hostname) !== output) wrong.push([input, url && url.hostname, output])
        // The setter ignores what it refuses.
        const other = new URL('https://other.invalid/')
        other.hostname = input
        const want = output === null ? 'other.invalid' : output
        if (!/[/?#\\\\:]/.test(input) && input !== '' && other.hostname !== want) wrong.push([input, 'setter', other.hostname, want])
      }
      return wrong
    },
    query(list) {
      const wrong = []
      for (const { input, output } of list) {
        const url = new URL('http://x/?' + input + '#' + input)
        if (url.search !== '?' + output['utf-8']) wrong.push([input, url.search, output['utf-8']])
      }
      return wrong
    },
  }
  export default async (request) => {
    const check = checks[new URL(request.url).pathname.slice(1)]
    return Response.json(check(await request.json()))
  }`

const objects = (list: unknown[]) => list.filter((item) => typeof item === 'object')

describe.skipIf(!there)('data of web-platform-tests: URLs', () => {
  const template = useTemplate()

  async function wrong(check: string, list: unknown[]): Promise<unknown[]> {
    expect(list.length).toBeGreaterThan(5)
    const worker = await template().worker({ bundle: BUNDLE })
    const result = await worker.invoke({
      url: `http://localhost/${check}`,
      method: 'POST',
      body: JSON.stringify(list),
    })
    worker.close()
    expect(result.error).toBeUndefined()
    return JSON.parse(result.text)
  }

  test('url-urltestdata.json: parsing', async () => {
    const list = objects(read('url-urltestdata.json')) as UrlCase[]
    expect(await wrong('parse', list)).toEqual([])
  })

  test('url-setters_tests.json: setters', async () => {
    const { comment: _, ...byPart } = read('url-setters_tests.json')
    const list = Object.entries(byPart as Record<string, object[]>).flatMap(([part, tests]) =>
      tests.map((one) => ({ ...one, part })),
    )
    expect(await wrong('set', list)).toEqual([])
  })

  test('url-toascii.json: hosts', async () => {
    expect(await wrong('host', objects(read('url-toascii.json')))).toEqual([])
  })

  test('url-IdnaTestV2.json: hosts', async () => {
    const list = objects(read('url-IdnaTestV2.json')) as { input: string }[]
    // `https:///x` has a host, and the parser knows Unicode 17 while the data is of Unicode 16.
    const known = list.filter(({ input }) => input !== '' && !UNICODE_17.includes(input))
    expect(known.length).toBe(list.length - 1 - UNICODE_17.length)
    expect(await wrong('host', known)).toEqual([])
  })

  test('url-percent-encoding.json: queries', async () => {
    expect(await wrong('query', objects(read('url-percent-encoding.json')))).toEqual([])
  })
})
