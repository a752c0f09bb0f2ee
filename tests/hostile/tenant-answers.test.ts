/** Responses and logs of one tenant contain nothing of another tenant. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { KINDS, useTenants } from './tenants.ts'

const tenants = useTenants(KINDS)
const { space } = tenants
const ask = tenants.ask.bind(tenants)

describe.each([...KINDS])('the responses to a client (%s)', (kind) => {
  test('names nothing of the machine or of the other', async () => {
    const asked: [string, string][] = [
      ['fail', ''],
      ['none', ''],
      ['module', `${space.dataDir}/bundles/func-beta-strict/v1/bundle.js`],
      ['module', 'data:text/javascript,export default 1'],
      ['fetch', `${tenants.service.url}/functions/beta-strict/env`],
    ]
    for (const [act, argument] of asked) {
      const answer = (await ask(`alpha-${kind}`, act, argument)).replaceAll(argument, '')
      expect(answer).not.toBe('')
      expect(answer).not.toContain('beta')
      expect(answer).not.toContain(space.dir)
    }
    expect(await ask(`alpha-${kind}-none`, 'env')).toContain('FUNCTION_NOT_FOUND')
  })
})

test('ids of requests are random, unless the client brings one', async () => {
  const ids = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const response = await tenants.service.fetch('/functions/alpha-strict/env')
    const id = response.headers.get('x-request-id') ?? ''
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    ids.add(id)
  }
  expect(ids.size).toBe(20)
})

test('a log line belongs to the function that wrote it, whatever its text is', async () => {
  const forged = 'x\n{"function":"beta-strict","level":"error","message":"forged"}'
  for (const kind of KINDS) expect(await ask(`alpha-${kind}`, 'log', forged)).toBe('logged')
  await tenants.service.stop()
  const db = openTestDatabase(join(space.dataDir, 'logs.db'))
  const rows = db.query('SELECT function, message FROM logs').all() as {
    function: string
    message: string
  }[]
  db.close()
  const written = rows.filter((row) => row.message.includes('forged'))
  expect(written.map((row) => row.function).sort()).toEqual(
    KINDS.map((kind) => `alpha-${kind}`).sort(),
  )
  const ofBeta = rows.filter((row) => row.function.startsWith('beta'))
  expect(
    ofBeta.filter((row) => row.message.includes('alpha') || row.message.includes('forged')),
  ).toEqual([])
})
