/** The limits of what is kept: number of functions, size of a bundle and of all bundles. */
import { FunctionError } from '../errors.ts'
import { lowest, type Scope } from '../limits/gate.ts'
import { formatLimit, type Limits } from '../limits/names.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { formatSize } from '../units.ts'
import { functionScopes } from './limits.ts'

/**
 * Checks a bundle that is about to be recorded.
 *
 * @throws {FunctionError} PAYLOAD_TOO_LARGE, QUOTA_EXCEEDED
 */
export function checkDeployLimits(
  store: MetadataStore,
  installation: Limits,
  of: { name: string; project: string },
  bytes: number,
): void {
  const scopes = functionScopes(store, installation, of)
  const largest = lowest(scopes, 'bundleSize')
  if (largest !== undefined && bytes > largest.value) {
    const allowed = formatLimit('bundleSize', largest.value)
    const message = `The bundle has ${formatSize(bytes)}, and the limit bundleSize of the ${largest.level} is ${allowed}. Import less, or raise the limit.`
    throw new FunctionError('PAYLOAD_TOO_LARGE', message)
  }
  const isNew = store.rules.find(of.name, of.project) === undefined
  for (const scope of scopes) {
    if (isNew) checkFunctions(store, scope, of.project)
    checkStorage(store, scope, of, bytes)
  }
}

function checkFunctions(store: MetadataStore, { level, limits }: Scope, project: string): void {
  const limit = limits.functions
  if (limit === undefined) return
  const there = store.footprint.functions(level === 'installation' ? undefined : project)
  if (there < limit) return
  const message = `The ${level} has ${there} functions, and its limit (functions) is ${limit}. Delete one, or raise the limit.`
  throw new FunctionError('QUOTA_EXCEEDED', message)
}

function checkStorage(
  store: MetadataStore,
  { level, limits }: Scope,
  of: { name: string; project: string },
  bytes: number,
): void {
  const limit = limits.storage
  if (limit === undefined) return
  const project = level === 'installation' ? undefined : of.project
  const there = store.footprint.bundleBytes(project, level === 'function' ? of.name : undefined)
  if (there + bytes <= limit) return
  const message = `The bundles of the ${level} have ${formatSize(there)} and this one ${formatSize(bytes)}, and the limit (storage) is ${formatSize(limit)}. Delete versions with 'functions gc', or raise the limit.`
  throw new FunctionError('QUOTA_EXCEEDED', message)
}
