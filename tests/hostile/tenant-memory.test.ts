/** The memory of a tenant's worker, and of the processes that workers come from, holds nothing of another tenant. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { setVariables } from '../../src/testing/set-variables.ts'
import { descendants, parentOf, type Service, Workspace } from '../e2e/harness.ts'
import { searchMemory } from './process-memory.ts'

const TENANTS = ['alpha', 'beta'] as const
type Tenant = (typeof TENANTS)[number]
const KINDS: Record<string, string[]> = {
  strict: [],
  permissive: ['--profile', 'permissive'],
  bun: ['--runtime', 'bun', '--profile', 'permissive'],
}

/** What the worker of one tenant knows from its env, its bundle and a request. */
const wordsOf = (tenant: Tenant, kind: string) => [
  `${tenant}-${kind}-bundle-5823-text`,
  `${tenant}-${kind}-env-4711-secret`,
  `${tenant}-${kind}-request-0815-text`,
]
const allOf = (tenant: Tenant) => Object.keys(KINDS).flatMap((kind) => wordsOf(tenant, kind))

const bundleOf = (tenant: Tenant, kind: string) => `
const kept = []
export default async (request: Request, ctx) => {
  const text = await request.text()
  kept.push(text, ctx.env.SECRET)
  return new Response(text + ' ' + ctx.env.SECRET + ' ${wordsOf(tenant, kind)[0]}')
}`

const isRoot = process.getuid?.() === 0
const space = new Workspace()
let service: Service

function setSecrets(): void {
  const db = openTestDatabase(join(space.dataDir, 'metadata.db'))
  for (const tenant of TENANTS) {
    for (const kind of Object.keys(KINDS)) {
      const secret = wordsOf(tenant, kind)[1] as string
      setVariables(db, `func-${tenant}-${kind}`, { SECRET: secret })
    }
  }
  db.close()
}

async function ask(tenant: Tenant, kind: string): Promise<void> {
  const [bundle, secret, text] = wordsOf(tenant, kind)
  const init = { method: 'POST', body: text as string }
  const response = await service.fetch(`/functions/${tenant}-${kind}`, init)
  expect(await response.text()).toBe(`${text} ${secret} ${bundle}`)
}

async function workerOf(tenant: Tenant, kind: string): Promise<number> {
  const row = (await service.workers()).find((row) => row.function === `${tenant}-${kind}`)
  return row?.pid ?? 0
}

/** Processes of the service that are not workers, by kind. */
async function others(): Promise<{ templates: number[]; spares: number[]; rest: number[] }> {
  const workers = (await service.workers()).map(({ pid }) => pid)
  const all = descendants(service.process.pid).filter((pid) => !workers.includes(pid))
  const forks = all.filter(isTemplate)
  const spares = forks.filter((pid) => isTemplate(parentOf(pid)))
  const templates = forks.filter((pid) => !spares.includes(pid))
  return { templates, spares, rest: all.filter((pid) => !forks.includes(pid)) }
}

/** @returns whether it is the zygote or one of its forks, and not the launcher that waits for it */
function isTemplate(pid: number): boolean {
  const [program, first] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
  return program?.endsWith('/quickjs-worker') === true && first === '--template'
}

describe.skipIf(!isRoot)('as root, who may read the memory of all', () => {
  beforeAll(async () => {
    for (const tenant of TENANTS) {
      for (const [kind, flags] of Object.entries(KINDS)) {
        await space.deploy(`${tenant}-${kind}`, bundleOf(tenant, kind), ...flags)
      }
    }
    setSecrets()
    service = await space.serve()
    for (const tenant of TENANTS) {
      for (const kind of Object.keys(KINDS)) await ask(tenant, kind)
    }
    await eventually('spares', async () => (await others()).spares.length > 0)
  }, 60_000)

  afterAll(async () => {
    await service.stop()
    space.remove()
  })

  describe.each(Object.keys(KINDS))('%s', (kind) => {
    test('a worker holds what is its own', async () => {
      for (const tenant of TENANTS) {
        const { found } = searchMemory(await workerOf(tenant, kind), allOf(tenant))
        expect(found).toEqual(wordsOf(tenant, kind))
      }
    })

    test('and nothing of the other tenant', async () => {
      expect(searchMemory(await workerOf('beta', kind), allOf('alpha')).found).toEqual([])
      expect(searchMemory(await workerOf('alpha', kind), allOf('beta')).found).toEqual([])
    })
  })

  test('templates, spares and launchers hold nothing of any tenant', async () => {
    const { templates, spares, rest } = await others()
    expect(templates).toHaveLength(1)
    expect(spares).not.toEqual([])
    for (const pid of [...templates, ...spares, ...rest]) {
      const { found, bytes } = searchMemory(pid, [...allOf('alpha'), ...allOf('beta')])
      expect(found).toEqual([])
      expect(bytes).toBeGreaterThan(0)
    }
  })

  test('nor does a worker that comes after the other’s is gone', async () => {
    const gone = await workerOf('alpha', 'strict')
    await space.command('delete', 'alpha-strict')
    await eventually(
      'its worker ends',
      async () => !descendants(service.process.pid).includes(gone),
    )
    const before = await workerOf('beta', 'strict')
    process.kill(before, 'SIGKILL')
    await eventually('its end is known', async () => (await workerOf('beta', 'strict')) !== before)
    await ask('beta', 'strict')
    const { found } = searchMemory(await workerOf('beta', 'strict'), allOf('alpha'))
    expect(found).toEqual([])
  })
})
