/** Of two tenants neither reads, changes or lists the other’s files, or those of the service. */
import { describe, expect, test } from 'bun:test'
import { linkSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { otherOf, SECRETS, TENANTS, type Tenant, useTenants } from './tenants.ts'

const tenants = useTenants(['strict', 'files', 'bun'])
const { space } = tenants
const ask = tenants.ask.bind(tenants)

describe.each(['files', 'bun'])('files (%s)', (kind) => {
  test('each reads its own', async () => {
    for (const tenant of TENANTS) {
      const own = await ask(`${tenant}-${kind}`, 'read', tenants.room(tenant, 'own.txt'))
      expect(own).toBe(SECRETS[tenant])
    }
  })

  test.each([
    ['by its path', (tenant: Tenant) => tenants.room(otherOf(tenant), 'own.txt')],
    [
      'by a way around',
      (tenant: Tenant) => `${tenants.room(tenant)}/../${otherOf(tenant)}/own.txt`,
    ],
    ['by a link', (tenant: Tenant) => tenants.room(tenant, 'link.txt')],
    ['by a link to its folder', (tenant: Tenant) => tenants.room(tenant, 'link', 'own.txt')],
    ['by /proc', (tenant: Tenant) => `/proc/self/root${tenants.room(otherOf(tenant), 'own.txt')}`],
    [
      'by the init process',
      (tenant: Tenant) => `/proc/1/root${tenants.room(otherOf(tenant), 'own.txt')}`,
    ],
  ])('none reads the other’s %s', async (_how, path) => {
    for (const tenant of TENANTS) {
      const answer = await ask(`${tenant}-${kind}`, 'read', path(tenant))
      expect(answer).toContain('Error')
      expect(answer).not.toContain(SECRETS[otherOf(tenant)])
    }
  })

  test('none writes, moves or lists what is the other’s', async () => {
    for (const tenant of TENANTS) {
      const other = tenants.room(otherOf(tenant))
      const name = `${tenant}-${kind}`
      expect(await ask(name, 'write', join(other, 'own.txt'))).toContain('Error')
      expect(await ask(name, 'write', tenants.room(tenant, 'link.txt'))).toContain('Error')
      expect(await ask(name, 'write', tenants.room(tenant, 'link', 'new.txt'))).toContain('Error')
      const moved = `${join(other, 'own.txt')}|${tenants.room(tenant, 'taken.txt')}`
      expect(await ask(name, 'move', moved)).toContain('Error')
      expect(await ask(name, 'list', other)).toContain('Error')
      const above = await ask(name, 'list', tenants.rooms)
      expect(above).not.toContain(`"${otherOf(tenant)}"`)
    }
    for (const tenant of TENANTS) {
      expect(readFileSync(tenants.room(tenant, 'own.txt'), 'utf8')).toBe(SECRETS[tenant])
    }
  })

  test('none reads metadata, logs, bundles, or the socket of the service', async () => {
    for (const tenant of TENANTS) {
      const { dataDir } = space
      for (const path of [
        'metadata.db',
        'logs.db',
        'metrics.db',
        'functions.sock',
        'service.json',
      ]) {
        expect(await ask(`${tenant}-${kind}`, 'read', join(dataDir, path))).toContain('Error')
      }
      expect(await ask(`${tenant}-${kind}`, 'read', tenants.room(tenant, 'data'))).toContain(
        'Error',
      )
      const bundle = join(dataDir, `bundles/func-${otherOf(tenant)}-strict/v1/bundle.js`)
      expect(readFileSync(bundle, 'utf8')).toContain('seen')
      expect(await ask(`${tenant}-${kind}`, 'read', bundle)).toContain('Error')
    }
  })

  test('what is in the temporary folder of one is not in the other’s', async () => {
    await ask(`alpha-${kind}`, 'write', '/tmp/left-over')
    expect(await ask(`beta-${kind}`, 'read', '/tmp/left-over')).toContain('Error')
    const listed = await ask(`beta-${kind}`, 'list', '/tmp')
    expect(listed).not.toContain('left-over')
  })
})

test('a hard link into its folder is the operator’s word, and reaches that file alone', async () => {
  linkSync(tenants.room('beta', 'own.txt'), tenants.room('alpha', 'given.txt'))
  expect(await ask('alpha-files', 'read', tenants.room('alpha', 'given.txt'))).toBe(SECRETS.beta)
  expect(await ask('alpha-files', 'read', tenants.room('beta', 'own.txt'))).toContain('Error')
})
