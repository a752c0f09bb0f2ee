/**
 * The data files of web-platform-tests on MIME types and data: URLs. Skipped when they are missing.
 */
import { describe, expect, test } from 'bun:test'
import { useTemplate } from './harness.ts'
import { haveData, readData } from './wpt-data.ts'

const MIME_TYPES = [
  'mimesniff-mime-types-mime-types.json',
  'mimesniff-mime-types-generated-mime-types.json',
]
const BASE64 = 'fetch-data-urls-base64.json'
const DATA_URLS = 'fetch-data-urls-data-urls.json'

/** Evaluates a list of cases and returns those that failed. */
const BUNDLE = `
  // Fetch reads these as two values of a header.
  const lists = ['x/x;,=x;bonus=x', 'x/x;x=,;bonus=x']
  const space = /^[\\t\\n\\r ]|[\\t\\n\\r ]$/
  const refused = (run) => { try { run() } catch (error) { return error instanceof TypeError } return false }
  const bodyOf = (url) => fetch(url).then(
    async (response) => [response.headers.get('content-type'), [...await response.bytes()]],
    (error) => error instanceof TypeError ? null : String(error))
  const checks = {
    async mime(list) {
      const wrong = []
      for (const { input, output } of list) {
        // A header's value is trimmed differently.
        if (space.test(input) || lists.includes(input)) continue
        const init = { headers: [['content-type', input]] }
        if (/[\\0\\n\\r\\u0100-\\uffff]/.test(input)) {
          if (!refused(() => new Response(null, init))) wrong.push([input, 'accepted'])
          continue
        }
        const { type } = await new Response(null, init).blob()
        if (type !== (output ?? '')) wrong.push([input, type, output])
      }
      return wrong
    },
    async base64(list) {
      const wrong = []
      for (const [input, output] of list) {
        const got = await bodyOf('data:;base64,' + input)
        const body = got === null ? null : got[1]
        if (JSON.stringify(body) !== JSON.stringify(output)) wrong.push([input, body, output])
      }
      return wrong
    },
    async url(list) {
      const wrong = []
      for (const [input, type, body] of list) {
        const got = await bodyOf(input)
        const want = type === null ? null : [type, body]
        if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push([input, got, want])
      }
      return wrong
    },
  }
  export default async (request) => {
    const check = checks[new URL(request.url).pathname.slice(1)]
    return Response.json(await check(await request.json()))
  }`

const template = useTemplate()

async function wrong(check: string, list: unknown[]): Promise<unknown[]> {
  expect(list.length).toBeGreaterThan(20)
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

describe.skipIf(!haveData(...MIME_TYPES))('data of web-platform-tests: MIME types', () => {
  for (const name of MIME_TYPES) {
    test(name, async () => {
      const list = (readData(name) as unknown[]).filter((one) => typeof one === 'object')
      expect(await wrong('mime', list)).toEqual([])
    })
  }
})

describe.skipIf(!haveData(BASE64, DATA_URLS))('data of web-platform-tests: data: URLs', () => {
  test(BASE64, async () => expect(await wrong('base64', readData(BASE64))).toEqual([]))
  test(DATA_URLS, async () => expect(await wrong('url', readData(DATA_URLS))).toEqual([]))
})
