import type { Limits } from '../limits/names.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { type FunctionDetails, functionDetails, RECENT_VERSIONS } from './documents.ts'
import type { FunctionRef } from './function-ref.ts'
import { functionLimits } from './limits.ts'

/**
 * One function with its newest versions.
 *
 * @throws {FunctionError} FUNCTION_NOT_FOUND
 */
export function showFunction(
  store: MetadataStore,
  { name, project }: FunctionRef,
  installation: Limits,
): FunctionDetails {
  const row = store.show(name, project)
  const active = row.version === undefined ? undefined : store.findVersion(row.id, row.version)
  const versions = store.versions(name, project, { limit: RECENT_VERSIONS })
  const limits = functionLimits(store, installation, { name, project })
  return functionDetails(row, active, versions, limits)
}
