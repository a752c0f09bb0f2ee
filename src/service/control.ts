/** The management API's access to the running service. */
import type {
  RunnableSplit,
  RunnableVersion,
  ServiceControl,
  WorkerView,
} from '../admin/control.ts'
import { residentBytes } from '../lib/procfs.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { HostTable } from '../router/host-table.ts'
import type { PreparedVersion, Router } from '../router/router.ts'
import { reloadHost } from './hosts.ts'
import type { VersionSource } from './version-source.ts'

export function serviceControl(
  router: Router,
  source: VersionSource,
  hosts: HostTable,
  store: MetadataStore,
  projectDeleted: (project: string) => Promise<void>,
): ServiceControl {
  return {
    prepare(version: RunnableVersion): Promise<PreparedVersion> {
      return router.prepare(source.withDefaults(version))
    },
    prepareSplit({ versions, stickyHeader }: RunnableSplit): Promise<PreparedVersion> {
      const prepared = versions.map(({ version, weight }) => {
        return { version: source.withDefaults(version), weight }
      })
      return router.prepareSplit({ versions: prepared, stickyHeader })
    },
    forget(name: string, project: string): void {
      router.forget(name, project)
    },
    functionChanged(name: string, project: string): void {
      router.functionChanged(name, project)
    },
    endPreviews: (name, project) => router.endPreviews(name, project),
    hostChanged: (host) => reloadHost(hosts, store.routes, host),
    serves(host) {
      const found = hosts.ofHost(host)
      if (found === undefined || found === 'routed') return found === 'routed'
      return store.rules.find(found.name, found.project) !== undefined
    },
    projectChanged(project: string): void {
      router.projectChanged(project)
    },
    projectDeleted(project: string): Promise<void> {
      router.projectDeleted(project)
      return projectDeleted(project)
    },
    workers: () => workerViews(router),
  }
}

/** The live workers, sorted by function and start time. */
function workerViews(router: Router): WorkerView[] {
  const views: WorkerView[] = []
  for (const { spec, workers } of router.pools()) {
    for (const { worker, state } of workers) {
      views.push({
        pid: worker.pid ?? null,
        project: spec.project,
        function: spec.functionName,
        version: spec.version,
        runtime: worker.runtime,
        state,
        invocations: worker.invocations,
        startedAt: worker.startedAt.toISOString(),
        residentBytes: worker.pid === undefined ? 0 : residentBytes(worker.pid),
        layers: worker.layers,
      })
    }
  }
  return views.sort(
    (a, b) =>
      a.project.localeCompare(b.project) ||
      a.function.localeCompare(b.function) ||
      a.startedAt.localeCompare(b.startedAt),
  )
}
