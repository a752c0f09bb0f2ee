/** Two tenants on one service, each with one function of each kind that a test needs. */
import { afterAll, beforeAll } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { setVariables } from '../../src/testing/set-variables.ts'
import { type Service, Workspace } from '../e2e/harness.ts'
import { FILES, PLAIN, PROGRAMS } from './tenant-code.ts'

export const SECRETS = { alpha: 'alpha-4711-secret', beta: 'beta-0815-secret' } as const
export const SERVICE_SECRET = 'service-2342-secret'
export type Tenant = keyof typeof SECRETS
export const TENANTS: readonly Tenant[] = ['alpha', 'beta']
export const otherOf = (tenant: Tenant): Tenant => (tenant === 'alpha' ? 'beta' : 'alpha')

/** The kinds of functions: what they may do, and what runs them. */
export const KINDS = ['strict', 'files', 'net', 'open', 'bun'] as const
type Kind = (typeof KINDS)[number]

export class Tenants {
  readonly space = new Workspace()
  /** The parent of the tenants' directories. */
  readonly rooms = join(this.space.dir, 'rooms')
  readonly #kinds: readonly Kind[]
  #service: Service | undefined

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error('the service does not run')
    return this.#service
  }

  room(tenant: Tenant, ...path: string[]): string {
    return join(this.rooms, tenant, ...path)
  }

  /** Deploys all and serves them. */
  async start(flags: string[]): Promise<void> {
    this.#furnish()
    for (const tenant of TENANTS) {
      for (const kind of this.#kinds) await this.#deploy(tenant, kind)
    }
    this.#setVariables()
    this.space.environment.SERVICE_SECRET = SERVICE_SECRET
    this.#service = await this.space.serve(...flags)
  }

  async stop(): Promise<void> {
    await this.#service?.stop()
    this.space.remove()
  }

  /** The answer of the function to this request. */
  async ask(name: string, act: string, argument = ''): Promise<string> {
    const response = await this.service.fetch(
      `/functions/${name}/${act}?a=${encodeURIComponent(argument)}`,
    )
    return await response.text()
  }

  /** A directory for each tenant, with links out of it. */
  #furnish(): void {
    for (const tenant of TENANTS) {
      mkdirSync(this.room(tenant), { recursive: true, mode: 0o777 })
      writeFileSync(this.room(tenant, 'own.txt'), SECRETS[tenant], { mode: 0o666 })
    }
    for (const tenant of TENANTS) {
      const other = otherOf(tenant)
      symlinkSync(this.room(other, 'own.txt'), this.room(tenant, 'link.txt'))
      symlinkSync(this.room(other), this.room(tenant, 'link'))
      symlinkSync(join(this.space.dataDir, 'metadata.db'), this.room(tenant, 'data'))
    }
    Bun.spawnSync(['chmod', '-R', 'a+rwX', this.space.dir])
  }

  async #deploy(tenant: Tenant, kind: Kind): Promise<void> {
    const files = { allowFilesystem: true, allowedPaths: [this.room(tenant)] }
    const network = { allowNetwork: true }
    const bun = { ...files, ...network, allowEval: true, maxMemory: '512MB' }
    const profile = (rules: object) => [
      '--profile',
      this.space.source(`${tenant}-${kind}.json`, JSON.stringify(rules)),
    ]
    const deployments: Record<Kind, [source: string, flags: string[]]> = {
      strict: [PLAIN, []],
      files: [FILES, profile(files)],
      net: [PLAIN, profile(network)],
      open: [PROGRAMS, ['--profile', 'permissive']],
      bun: [FILES, ['--runtime', 'bun', ...profile(bun)]],
    }
    const [source, flags] = deployments[kind]
    await this.space.deploy(`${tenant}-${kind}`, source, ...flags)
  }

  #setVariables(): void {
    const db = openTestDatabase(join(this.space.dataDir, 'metadata.db'))
    for (const tenant of TENANTS) {
      for (const kind of this.#kinds) {
        setVariables(db, `func-${tenant}-${kind}`, { SECRET: SECRETS[tenant] })
      }
    }
    db.close()
  }
}

/** For the tests of a file. */
export function useTenants(kinds: readonly Kind[]): Tenants {
  const tenants = new Tenants(kinds)
  beforeAll(() => tenants.start([]), 120_000)
  afterAll(() => tenants.stop())
  return tenants
}
