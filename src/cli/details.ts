import {
  type FunctionDetails,
  functionDetailsSchema,
  type VersionDocument,
  versionDocument,
  versionDocumentSchema,
} from '../admin/documents.ts'
import { checked, functionNameSchema } from '../admin/settings.ts'
import { showFunction } from '../admin/show.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { findService } from './client.ts'
import { readStore } from './offline.ts'

/**
 * One function with its newest versions, from the running service or the data directory.
 *
 * @throws {FunctionError} BAD_REQUEST, FUNCTION_NOT_FOUND
 */
export async function readDetails(loaded: LoadedConfig, given: string): Promise<FunctionDetails> {
  const name = checked(functionNameSchema, given, 'name')
  const client = await findService(loaded)
  if (client !== undefined) {
    return await client.request(functionDetailsSchema, `/v1/functions/${name}`)
  }
  return readStore(loaded, (store) => showFunction(store, name)) ?? missing(name)
}

/**
 * Every version of a function, newest first, from the running service or the data directory.
 *
 * @throws {FunctionError} BAD_REQUEST, FUNCTION_NOT_FOUND
 */
export async function readVersions(
  loaded: LoadedConfig,
  given: string,
): Promise<VersionDocument[]> {
  const name = checked(functionNameSchema, given, 'name')
  const client = await findService(loaded)
  if (client !== undefined) {
    return await client.pages(versionDocumentSchema, `/v1/functions/${name}/versions`)
  }
  const rows = readStore(loaded, (store) => {
    const active = store.show(name).version
    return store.versions(name).map((record) => versionDocument(record, active))
  })
  return rows ?? missing(name)
}

function missing(name: string): never {
  throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${name}' does not exist.`)
}
