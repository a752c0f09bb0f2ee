import type { Bundle, BundleStore } from '../bundles/bundle-store.ts'
import { readMapFile, stackMapper } from '../bundles/source-map.ts'
import { FunctionError } from '../errors.ts'
import type { ResolvedVersion } from '../metadata/records.ts'
import { bunUsesHostNetwork } from '../worker/sandbox/sandbox.ts'
import type { RunnableVersion } from './control.ts'

/** A bundle that is not in the store yet. It is set to undefined afterwards to free its memory. */
export interface HeldBundle {
  bundle: Bundle | undefined
}

/**
 * Refuses a version whose secrets with hosts nobody would fill in.
 *
 * @throws {FunctionError} BAD_REQUEST
 */
export function checkInjection({ spec }: RunnableVersion): void {
  const { secrets, runtime, capabilities, functionName } = spec
  const bound = secrets.find(({ injection }) => injection !== undefined)
  if (bound === undefined || runtime !== 'bun' || !bunUsesHostNetwork(capabilities)) return
  const message = `The secret ${bound.name} of function '${functionName}' is for certain hosts, and its Bun workers make their requests themselves (permissive profile), where nothing fills it in. Use another profile, or set the secret without --for.`
  throw new FunctionError('BAD_REQUEST', message)
}

/** What a worker of a version is started with. Files are read only when they are needed. */
export function runnableVersion(
  version: ResolvedVersion,
  bundles: BundleStore,
  held: HeldBundle = { bundle: undefined },
): RunnableVersion {
  return {
    config: version.config,
    spec: {
      functionId: version.functionId,
      functionName: version.functionName,
      project: version.project,
      version: version.version,
      runtime: version.runtime,
      handler: version.handler,
      env: version.env,
      secrets: version.secrets,
      capabilities: version.capabilities,
      loadBundle: () => held.bundle?.code ?? bundles.load(version.bundle),
      mapStack: stackMapper(() => held.bundle?.map ?? readMapFile(bundles.mapPath(version.bundle))),
    },
  }
}
