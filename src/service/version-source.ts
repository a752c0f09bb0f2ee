/** Serves the router with active versions from the metadata store. */
import type { RunnableVersion } from '../admin/control.ts'
import { runnableVersion } from '../admin/worker-spec.ts'
import type { BundleStore } from '../bundles/bundle-store.ts'
import type { Config } from '../config/schema.ts'
import { limitsOf } from '../limits/names.ts'
import { type FunctionRules, functionId } from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { Tenant } from '../router/route.ts'
import type {
  ActiveDeployment,
  ActiveVersion,
  FunctionSource,
  VersionSettings,
} from '../router/router.ts'

/** A Bun worker runs one invocation at a time: one of several could not be stopped alone. */
const BUN_CONCURRENCY = 1
/** The rules of a function that is being deployed for the first time. */
const NEW_FUNCTION: FunctionRules = { access: 'public', previews: false, limits: {} }

export class VersionSource implements FunctionSource {
  readonly #store: MetadataStore
  readonly #bundles: BundleStore
  readonly #config: Config

  constructor(store: MetadataStore, bundles: BundleStore, config: Config) {
    this.#store = store
    this.#bundles = bundles
    this.#config = config
  }

  active(name: string, project: string): ActiveDeployment | 'undeployed' | undefined {
    const resolution = this.#store.resolve(name, project)
    if (resolution.found === 'nothing') return undefined
    if (resolution.found === 'not-deployed') return 'undeployed'
    const { split } = resolution
    const active = this.withDefaults(runnableVersion(resolution.version, this.#bundles))
    if (split === undefined) return active
    const versions = split.versions.map(({ version, weight }) => {
      return { version: this.withDefaults(runnableVersion(version, this.#bundles)), weight }
    })
    return { ...active, split: { versions, stickyHeader: split.stickyHeader } }
  }

  preview(name: string, version: string, project: string): ActiveVersion | undefined {
    if (this.#store.rules.find(name, project)?.previews !== true) return undefined
    const record = this.#store.findVersion(functionId(name, project), version)
    if (record === undefined) return undefined
    const resolved = this.#store.runnable(name, record, project)
    return this.withDefaults(runnableVersion(resolved, this.#bundles))
  }

  rules(name: string, project: string): FunctionRules {
    return this.#store.rules.find(name, project) ?? NEW_FUNCTION
  }

  tenant(project: string): Omit<Tenant, 'workers'> {
    const record = this.#store.projects.find(project)
    const limits = limitsOf(record?.limits ?? {})
    return { project, suspended: record?.state === 'suspended', limits }
  }

  /** What the version does not set is the service's default. */
  withDefaults({ spec, config }: RunnableVersion): ActiveVersion {
    const settings = (): VersionSettings => {
      const { server, pool } = this.#config
      const concurrency = spec.runtime === 'bun' ? BUN_CONCURRENCY : pool.concurrency
      return {
        timeoutMs: config.timeoutMs ?? server.timeout,
        maxWorkers: config.maxWorkers ?? pool.maxWorkersPerFunction,
        concurrency: config.concurrency ?? concurrency,
        retry: config.retry ?? true,
        exposeErrors: config.exposeErrors,
      }
    }
    return { spec, settings }
  }
}
