/**
 * The table of docs/http.md: what happens to each form, alone and behind the documented proxies. A form
 * that is wrong today and right tomorrow, such as after an update of Bun, fails here too: then its row
 * changes. With HTTP_TABLE=write the test writes the table in place of checking it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, type Service, Workspace } from '../e2e/harness.ts'
import { FORM_CASES, FORMS_FUNCTION, type FormCase, MAX_BODY, summary } from './form-cases.ts'
import { installed, PROXIES, type ProxyName, ReverseProxy } from './proxies.ts'
import { exchange } from './raw-http.ts'

const DOCUMENT = join(ROOT, 'docs/http.md')
const BEGIN = '<!-- forms: begin -->\n'
const END = '<!-- forms: end -->'
const WRITES = process.env.HTTP_TABLE === 'write'
const COLUMNS = ['alone', ...PROXIES] as const
type Column = (typeof COLUMNS)[number]

interface Outcome {
  right: boolean
  cell: string
}

const space = new Workspace()
let service: Service
const proxies: ReverseProxy[] = []
const outcomes = new Map<string, Map<Column, Outcome>>()
const present = COLUMNS.filter((column) => column === 'alone' || installed(column))

async function outcomeOf(form: FormCase, port: number): Promise<Outcome> {
  const { parts, isRight, expect: wanted = 1, waitMs = 10_000 } = form
  const { halfClose = false, head = false } = form
  const exchanged = await exchange(port, parts, { expect: wanted, waitMs, halfClose, head })
  const right = isRight(exchanged)
  const what = summary(form, exchanged)
  return { right, cell: right ? what : `**wrong**: ${what}` }
}

beforeAll(async () => {
  await space.deploy('forms', FORMS_FUNCTION)
  service = await space.serve('--trusted-proxies', '127.0.0.1', '--max-body', `${MAX_BODY}`)
  const names = present.filter((column): column is ProxyName => column !== 'alone')
  proxies.push(...(await Promise.all(names.map((name) => ReverseProxy.start(name, service.port)))))
  const ports = new Map<Column, number>([['alone', service.port]])
  for (const proxy of proxies) ports.set(proxy.name, proxy.port)
  await Promise.all(
    FORM_CASES.map(async (form) => {
      const row = new Map<Column, Outcome>()
      outcomes.set(form.form, row)
      await Promise.all(
        [...ports].map(async ([column, port]) => row.set(column, await outcomeOf(form, port))),
      )
    }),
  )
}, 60_000)

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()))
  await service.stop()
  space.remove()
})

const outcome = (form: FormCase, column: Column) => outcomes.get(form.form)?.get(column) as Outcome

function upstreamOf(form: FormCase): string {
  return form.upstream ?? (outcome(form, 'alone').right ? '-' : 'none found')
}

function rowOf(form: FormCase): string {
  const cells = COLUMNS.map((column) => outcome(form, column).cell)
  return `| ${[form.form, form.right, ...cells, upstreamOf(form)].join(' | ')} |`
}

/** The rows of the document by their form, as cells. */
function documented(): Map<string, string[]> {
  const table = readFileSync(DOCUMENT, 'utf8').split(BEGIN)[1]?.split(END)[0] ?? ''
  const rows = table.trimEnd().split('\n').slice(2)
  return new Map(
    rows.map((row) => {
      const cells = row.slice(2, -2).split(' | ')
      return [cells[0] as string, cells]
    }),
  )
}

function write(): void {
  const [before = '', rest = ''] = readFileSync(DOCUMENT, 'utf8').split(BEGIN)
  const head = `| form | right is | ${COLUMNS.join(' | ')} | upstream |\n|${'---|'.repeat(COLUMNS.length + 3)}\n`
  const rows = FORM_CASES.map((form) => `${rowOf(form)}\n`).join('')
  writeFileSync(DOCUMENT, `${before}${BEGIN}${head}${rows}${END}${rest.split(END)[1] ?? ''}`)
}

test('the table has a row for each form, and no other', () => {
  if (WRITES) write()
  expect([...documented().keys()]).toEqual(FORM_CASES.map(({ form }) => form))
})

for (const [index, column] of COLUMNS.entries()) {
  describe(column, () => {
    test
      .skipIf(!present.includes(column))
      .each(FORM_CASES.map((form) => [form.form, form] as const))(
      `${column === 'alone' ? '' : `behind ${column}: `}%s`,
      (_, form) => {
        expect(documented().get(form.form)?.[index + 2]).toBe(outcome(form, column).cell)
      },
    )
  })
}

test('what Bun’s server does wrong has an upstream issue or the words that none was found', () => {
  for (const form of FORM_CASES) {
    expect(documented().get(form.form)?.at(-1)).toBe(upstreamOf(form))
  }
})

test.skipIf(present.length < COLUMNS.length)('each form is right behind one of the proxies', () => {
  for (const form of FORM_CASES) {
    const right = PROXIES.filter((name) => outcome(form, name).right)
    expect({ form: form.form, right: right.length > 0 }).toEqual({
      form: form.form,
      right: form.everywhere !== true,
    })
  }
})
