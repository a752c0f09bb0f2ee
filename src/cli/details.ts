import { type FunctionDetails, functionDetails, functionDetailsSchema } from '../admin/documents.ts'
import { checked, functionNameSchema } from '../admin/settings.ts'
import type { LoadedConfig } from '../config/load.ts'
import { FunctionError } from '../errors.ts'
import { findService } from './client.ts'
import { readStore } from './offline.ts'

/**
 * One function with its versions, from the running service or the data directory.
 *
 * @throws {FunctionError} BAD_REQUEST, FUNCTION_NOT_FOUND
 */
export async function readDetails(loaded: LoadedConfig, given: string): Promise<FunctionDetails> {
  const name = checked(functionNameSchema, given, 'name')
  const client = await findService(loaded)
  if (client !== undefined) {
    return await client.request(functionDetailsSchema, `/v1/functions/${name}`)
  }
  const details = readStore(loaded, (store) =>
    functionDetails(store.show(name), store.versions(name)),
  )
  if (details === undefined) {
    throw new FunctionError('FUNCTION_NOT_FOUND', `Function '${name}' does not exist.`)
  }
  return details
}
