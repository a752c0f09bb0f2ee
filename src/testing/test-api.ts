import { join } from 'node:path'
import { type Api, createApi } from '../admin/api.ts'
import { OfflineControl } from '../admin/offline-control.ts'
import { Operations } from '../admin/operations.ts'
import { BundleRemover } from '../bundles/bundle-remover.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import { QueryThread } from '../lib/query-thread.ts'
import { AuditReader } from '../metadata/audit-reader.ts'
import { MetadataStore } from '../metadata/store.ts'
import { METRICS_FILE } from '../telemetry/telemetry.ts'
import { UsageReader } from '../telemetry/usage-reader.ts'

/** The management API on a data directory, without a service and without workers. */
export function testApi(dataDir: string): { api: Api; store: MetadataStore } {
  const store = MetadataStore.open(dataDir)
  const bundles = new BundleStore(dataDir)
  const remover = new BundleRemover(dataDir, (...bundle) => store.refersTo(...bundle))
  const control = new OfflineControl(() => Promise.reject(new Error('no worker is needed')))
  const retention = () => ({ keep: 0, olderThanMs: 0 })
  const operations = new Operations({
    store,
    bundles,
    remover,
    control,
    serving: false,
    defaultRuntime: 'quickjs-ng',
    engine: async (runtime) => runtime,
    retention,
    installation: () => ({}),
  })
  const queries = new QueryThread()
  const unused = () => {
    throw new Error('no service is needed')
  }
  const api = createApi({
    store,
    bundles,
    operations,
    control,
    usage: new UsageReader(queries, join(dataDir, METRICS_FILE)),
    audit: new AuditReader(queries, dataDir),
    installation: () => ({}),
    domains: () => [],
    retention,
    lifecycle: { describe: unused, restart: unused },
    hold: unused,
    metrics: unused,
    onBug: (error) => {
      throw error
    },
  })
  return { api, store }
}
