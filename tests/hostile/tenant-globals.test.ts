/** Of two tenants neither finds the other’s variables, globals, prototypes or random numbers. */
import { describe, expect, test } from 'bun:test'
import { KINDS, otherOf, SECRETS, SERVICE_SECRET, TENANTS, useTenants } from './tenants.ts'

const tenants = useTenants(KINDS)
const { space } = tenants
const ask = tenants.ask.bind(tenants)

describe.each([...KINDS])('variables (%s)', (kind) => {
  test('each has its own, and no others', async () => {
    for (const tenant of TENANTS) {
      expect(await ask(`${tenant}-${kind}`, 'env')).toBe(`{"SECRET":"${SECRETS[tenant]}"}`)
    }
  })

  test('nothing that can be reached names the other, or what is the service’s', async () => {
    for (const tenant of TENANTS) {
      const all = [
        await ask(`${tenant}-${kind}`, 'globals'),
        await ask(`${tenant}-${kind}`, 'process'),
        await ask(`${tenant}-${kind}`, 'context'),
      ].join(' ')
      expect(all.length).toBeGreaterThan(100)
      expect(all).not.toContain(SECRETS[otherOf(tenant)])
      expect(all).not.toContain(`${otherOf(tenant)}-`)
      expect(all).not.toContain(SERVICE_SECRET)
      expect(all).not.toContain(space.dataDir)
    }
  })

  test('what one leaves in its globals and prototypes, the other does not find', async () => {
    expect(await ask(`alpha-${kind}`, 'remember', 'kept')).toContain('kept')
    expect(await ask(`beta-${kind}`, 'recall')).toBe('{"seen":[],"left":null}')
  })

  test('what is random for one is not for the other', async () => {
    const [a, b] = [await ask(`alpha-${kind}`, 'random'), await ask(`beta-${kind}`, 'random')]
    const [one, two] = [JSON.parse(a), JSON.parse(b)] as [number, string, number[]][]
    expect(one?.[0]).not.toBe(two?.[0])
    expect(one?.[1]).not.toBe(two?.[1])
    expect(one?.[2]).not.toEqual(two?.[2])
  })
})
