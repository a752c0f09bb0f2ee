/** The source map of a version, from the running service or the data directory. */
import { errorOf } from '../admin/problem.ts'
import { checked, functionNameSchema, versionNameSchema } from '../admin/settings.ts'
import { bundleOf, readSourceMap } from '../admin/source-map.ts'
import { BundleStore } from '../bundles/bundle-store.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { findService } from './client.ts'
import { readStore } from './offline.ts'

/**
 * @param wanted the version; the active one unless given
 * @throws {FunctionError} BAD_REQUEST, FUNCTION_NOT_FOUND, FUNCTION_NOT_DEPLOYED, VERSION_NOT_FOUND
 */
export async function sourceMapOf(
  loaded: LoadedConfig,
  given: string,
  wanted: string | undefined,
): Promise<Uint8Array> {
  const name = checked(functionNameSchema, given, 'name')
  const version = wanted === undefined ? undefined : checked(versionNameSchema, wanted, 'version')
  const client = await findService(loaded)
  if (client !== undefined) {
    const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`
    const response = await client.open(`/v1/functions/${name}/source-map${query}`)
    if (response.ok) return await response.bytes()
    const message = `The service responded with HTTP status ${response.status} and no error document: check that the service and this command are of the same release.`
    throw errorOf(await response.text()) ?? new FunctionError('INTERNAL', message)
  }
  const bundle = readStore(loaded, (store) => bundleOf(store, name, version))
  if (bundle === undefined) {
    throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${name}' does not exist.`)
  }
  return await readSourceMap(new BundleStore(loaded.config.server.dataDir), bundle)
}
