import type { Bundle, BundleStore } from '../bundles/bundle-store.ts'
import { readMapFile, stackMapper } from '../bundles/source-map.ts'
import type { ResolvedVersion } from '../metadata/records.ts'
import type { RunnableVersion } from './control.ts'

/** A bundle that is not in the store yet. It is set to undefined afterwards to free its memory. */
export interface HeldBundle {
  bundle: Bundle | undefined
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
