/** Keeps the table of hosts in step with the routes in the database. */
import { namesOf } from '../bundles/files.ts'
import type { RouteStore } from '../metadata/route-store.ts'
import type { HostTable, Mount } from '../router/host-table.ts'

/** Reads all routes. */
export function loadHosts(table: HostTable, routes: RouteStore): void {
  // Many routes lead to one function and share its names.
  const functions = new Map<string, { project: string; name: string }>()
  const rows = routes.all().map(([host, path, functionId]): [string, Mount] => {
    const known = functions.get(functionId) ?? namesOf(functionId)
    functions.set(functionId, known)
    return [host, { project: known.project, name: known.name, prefix: prefixOf(path) }]
  })
  table.load(rows)
}

/** Reads the routes of one host again. */
export function reloadHost(table: HostTable, routes: RouteStore, host: string): void {
  const rows = routes.ofHost(host)
  const mounts = rows.map(({ project, functionName, path }) => {
    return { project, name: functionName, prefix: prefixOf(path) }
  })
  table.replace(host, mounts)
}

function prefixOf(path: string): string {
  return path === '/' ? '' : path
}
