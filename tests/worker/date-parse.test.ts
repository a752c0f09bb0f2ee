/** `Date.parse` of what is not in the format of ECMA-262 either: as in V8, on which scripts rely. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startZygote, type TestZygote } from './harness.ts'

let zygote: TestZygote
beforeAll(async () => {
  zygote = await startZygote()
})
afterAll(() => zygote.close())

/** What Node.js 20 makes of each text in UTC; null where it is no date. */
const TABLE: [text: string, date: string | null][] = [
  ['2026-060', null],
  ['Jan 32 2026', null],
  ['2026-03-01t10:00:00z', '2026-03-01T10:00:00.000Z'],
  ['2026', '2026-01-01T00:00:00.000Z'],
  ['2026-03', '2026-03-01T00:00:00.000Z'],
  ['2026-03-01', '2026-03-01T00:00:00.000Z'],
  ['2026-3-1', '2026-03-01T00:00:00.000Z'],
  ['2026/03/01', '2026-03-01T00:00:00.000Z'],
  ['2026-13-01', null],
  ['2026-00-10', null],
  ['2026-02-30', '2026-03-02T00:00:00.000Z'],
  ['2026-02-31T00:00:00Z', '2026-03-03T00:00:00.000Z'],
  ['2026-03-32', null],
  ['+002026-03-01T00:00:00Z', '2026-03-01T00:00:00.000Z'],
  ['-000001-01-01', '-000001-01-01T00:00:00.000Z'],
  ['-000000-01-01', '2001-01-01T00:00:00.000Z'],
  ['+12026-01-01', '+012026-01-01T00:00:00.000Z'],
  ['+275760-09-13T00:00:00.000Z', '+275760-09-13T00:00:00.000Z'],
  ['+275760-09-13T00:00:00.001Z', null],
  ['-271821-04-20T00:00:00Z', '-271821-04-20T00:00:00.000Z'],
  ['+275760-09-13T01:00:00+01:00', '+275760-09-13T00:00:00.000Z'],
  ['2026-03-01T10:00', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01T10', null],
  ['2026-03-01T10:00:00', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01T10:00:00.5Z', '2026-03-01T10:00:00.500Z'],
  ['2026-03-01T10:00:00.123456789Z', '2026-03-01T10:00:00.123Z'],
  ['2026-03-01T10:00:00.Z', null],
  ['2026-03-01T10:00:00,5Z', null],
  ['2026-03-01T24:00:00Z', '2026-03-02T00:00:00.000Z'],
  ['2026-03-01T24:00:01Z', null],
  ['2026-03-01T25:00Z', null],
  ['2026-03-01T10:60Z', null],
  ['2026-03-01T10:00:60Z', null],
  ['2026-03-01T10:00+01:00', '2026-03-01T09:00:00.000Z'],
  ['2026-03-01T10:00+0100', '2026-03-01T09:00:00.000Z'],
  ['2026-03-01T10:00+01', null],
  ['2026-03-01T10:00+24:00', null],
  ['2026-03-01T10:00-08:00 ', null],
  ['2026-03-01 10:00', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01 10:00:00Z', '2026-03-01T10:00:00.000Z'],
  ['2026-03-01 10:00:00 +0200', '2026-03-01T08:00:00.000Z'],
  ['2026-03-01 10:00:00.25', '2026-03-01T10:00:00.250Z'],
  ['20260301', null],
  ['20260301T100000Z', null],
  ['2026-W10', null],
  ['12/25/1995', '1995-12-25T00:00:00.000Z'],
  ['1/2/03', '2003-01-02T00:00:00.000Z'],
  ['1/2/49', '2049-01-02T00:00:00.000Z'],
  ['1/2/50', '1950-01-02T00:00:00.000Z'],
  ['13/1/2026', null],
  ['1-2-2026', '2026-01-02T00:00:00.000Z'],
  ['1.2.2026', '2026-01-02T00:00:00.000Z'],
  ['0/1/2026', null],
  ['Mar 1 2026', '2026-03-01T00:00:00.000Z'],
  ['March 1, 2026', '2026-03-01T00:00:00.000Z'],
  ['1 March 2026', '2026-03-01T00:00:00.000Z'],
  ['1 Mar 26', '2026-03-01T00:00:00.000Z'],
  ['Mar 2026', '2026-03-01T00:00:00.000Z'],
  ['Mar 1', '2001-03-01T00:00:00.000Z'],
  ['marzo 1 2026', '2026-03-01T00:00:00.000Z'],
  ['2026 Mar 1', '2026-03-01T00:00:00.000Z'],
  ['Mar-01-2026', '2026-03-01T00:00:00.000Z'],
  ['01-Mar-2026', '2026-03-01T00:00:00.000Z'],
  ['Mar 0 2026', null],
  ['Sun, 01 Mar 2026 10:00:00 GMT', '2026-03-01T10:00:00.000Z'],
  [
    'Sun Mar 01 2026 10:00:00 GMT+0100 (Central European Standard Time)',
    '2026-03-01T09:00:00.000Z',
  ],
  ['Sunday, March 1, 2026 10:00 PM', '2026-03-01T22:00:00.000Z'],
  ['Mar 1 2026 12:00 AM', '2026-03-01T00:00:00.000Z'],
  ['Mar 1 2026 12:30 PM', '2026-03-01T12:30:00.000Z'],
  ['Mar 1 2026 13:00 PM', null],
  ['Mar 1 2026 0:30 pm', '2026-03-01T12:30:00.000Z'],
  ['Mar 1 2026 10 PM', null],
  ['Mar 1 2026 10:00 EST', '2026-03-01T15:00:00.000Z'],
  ['Mar 1 2026 10:00 CET', null],
  ['Mar 1 2026 10:00 Z', '2026-03-01T10:00:00.000Z'],
  ['Mar 1 2026 10:00 UTC-3:30', '2026-03-01T13:30:00.000Z'],
  ['Mar 1 2026 10:00 GMT+5', '2026-03-01T05:00:00.000Z'],
  ['Mar 1 2026 10:00 +12345', null],
  ['Mar 1 2026 -0800', null],
  ['Mar 1 2026 10:00:00.5 -08:00', '2026-03-01T18:00:00.500Z'],
  ['Mar 1 2026 10:60', '2026-03-01T10:00:00.000Z'],
  ['Mar 1 2026 24:00', '2026-03-02T00:00:00.000Z'],
  ['Mar 1 2026 24:01', null],
  ['Mar 1st 2026', null],
  ['the 1 of March 2026', null],
  ['on Mar 1 2026', '2026-03-01T00:00:00.000Z'],
  ['at10 Mar 2026', null],
  ['Mar 1 2026 (a comment)', '2026-03-01T00:00:00.000Z'],
  ['Mar 1 2026 (open', '2026-03-01T00:00:00.000Z'],
  ['Mar 1 2026 close)', null],
  ['(Mar) 1 2 2026', '2026-01-02T00:00:00.000Z'],
  ['10:00', null],
  ['10:00 Mar 1 2026', '2026-03-01T10:00:00.000Z'],
  ['1:2:3:4 Mar 1 2026', '2026-03-01T01:02:03.004Z'],
  ['1:2:3:4:5 Mar 1 2026', '2001-03-05T01:02:03.004Z'],
  ['1::3 Mar 1 2026', '2026-03-01T01:00:03.000Z'],
  ['Mar 1 2026 10.5', null],
  ['1 2 3 4', null],
  ['hello', null],
  ['hello 1', '2001-01-01T00:00:00.000Z'],
  ['hello1', null],
  ['2026hello', null],
  ['', null],
  ['  ', null],
  ['0', '2000-01-01T00:00:00.000Z'],
  ['1', '2001-01-01T00:00:00.000Z'],
  ['32', '2032-01-01T00:00:00.000Z'],
  ['99', '1999-01-01T00:00:00.000Z'],
  ['-1', '2001-01-01T00:00:00.000Z'],
  ['1e3', null],
  ['12345678901234567890', null],
  ['1/1/2026, 3:00:00 PM', '2026-01-01T15:00:00.000Z'],
  ['3:00:00\u202fPM 1/1/2026', '2026-01-01T15:00:00.000Z'],
  ['Mar\u00a01 2026', '2026-03-01T00:00:00.000Z'],
  ['\ufeff2026-03-01', '2026-03-01T00:00:00.000Z'],
  ['2026-03-01\u0000x', '2026-03-01T00:00:00.000Z'],
  ['2026\u22123\u22121', null],
  ['\uff2dar 1 2026', null],
  ['Mar 1 2026 10:00 a.m.', null],
  ['Mar 1 2026\n10:00', '2026-03-01T10:00:00.000Z'],
  ['Mar,1,2026', '2026-03-01T00:00:00.000Z'],
  ['Mar;1;2026', '2026-03-01T00:00:00.000Z'],
  ['Mar_1_2026', null],
  ['Sun Mar 01 10:00:00 2026', '2026-03-01T10:00:00.000Z'],
  ['Thu Jan  1 00:00:00 1970', '1970-01-01T00:00:00.000Z'],
  ['Wed, 31 Dec 1969 23:59:59 GMT', '1969-12-31T23:59:59.000Z'],
  ['Feb 29 2025', '2025-03-01T00:00:00.000Z'],
  ['Feb 30 2024', '2024-03-01T00:00:00.000Z'],
  ['April 31 2026', '2026-05-01T00:00:00.000Z'],
  ['2026-03-01T10:00:00 Z', null],
  ['2026-03-01TT10:00', null],
  ['2026-03-01T', null],
  ['T10:00', null],
  ['2026-03-01Z', '2026-03-01T00:00:00.000Z'],
  ['2026-03-01+01:00', null],
  ['--2026', '2026-01-01T00:00:00.000Z'],
  ['2026--03', null],
  ['June 5th, 2026', null],
  ['30 Feb', '2001-03-02T00:00:00.000Z'],
  ['31 Sep 2026', '2026-10-01T00:00:00.000Z'],
  ['6 Mar 17 21:22 UT', '2017-03-06T21:22:00.000Z'],
  ['noon Mar 1 2026', '2026-03-01T00:00:00.000Z'],
]

async function parse(texts: readonly string[]): Promise<(string | null)[]> {
  const bundle = `export default async (request) => {
    const texts = await request.json()
    return Response.json(texts.map((text) => {
      const time = Date.parse(text)
      const same = Object.is(time, new Date(text).getTime())
      return same ? (Number.isNaN(time) ? null : new Date(time).toISOString()) : 'another by new Date'
    }))
  }`
  const worker = await zygote.worker({ bundle })
  const { text, error } = await worker.invoke({ method: 'POST', body: JSON.stringify(texts) })
  worker.close()
  expect(error).toBeUndefined()
  return JSON.parse(text)
}

test('is what V8 makes of it', async () => {
  const found = await parse(TABLE.map(([text]) => text))
  expect(TABLE.map(([text], i) => [text, found[i]])).toEqual(TABLE)
})

test('of a long text takes no longer than reading it', async () => {
  const bundle = `export default () => {
    const long = ['1'.repeat(1e6), 'x'.repeat(1e6), '('.repeat(1e6), ' '.repeat(1e6) + '2026-03-01', '1 2 2026' + ' '.repeat(1e6) + '\\u2028', 'Mar' + 'x'.repeat(1e6) + ' 1 2026']
    return Response.json(long.map((text) => new Date(text).getTime()))
  }`
  const worker = await zygote.worker({ bundle })
  const { text } = await worker.invoke()
  worker.close()
  const [march, january] = [Date.UTC(2026, 2, 1), Date.UTC(2026, 0, 2)]
  expect(JSON.parse(text)).toEqual([null, null, null, march, january, march])
})

test('calls toString once, and passes on what it throws', async () => {
  const bundle = `export default () => {
    let calls = 0
    const odd = { toString() { calls++; return '2026-03-01' } }
    const bad = { toString() { throw new RangeError('mine') } }
    let thrown
    try { Date.parse(bad) } catch (error) { thrown = error.message }
    return Response.json([Date.parse(odd), calls, thrown, Date.parse(), Date.parse(2026), Date.parse('20' + '26'.repeat(1))])
  }`
  const worker = await zygote.worker({ bundle })
  const { text } = await worker.invoke()
  worker.close()
  const year = Date.UTC(2026, 0, 1)
  expect(JSON.parse(text)).toEqual([Date.UTC(2026, 2, 1), 1, 'mine', null, year, year])
})
