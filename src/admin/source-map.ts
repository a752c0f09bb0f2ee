/** Reads the source map of a version, with which an error tracker maps the frames of its errors. */
import { readFile } from 'node:fs/promises'
import type { BundleStore } from '../bundles/bundle-store.ts'
import { FunctionError } from '../errors.ts'
import type { BundleRecord } from '../metadata/records.ts'
import type { MetadataStore } from '../metadata/store.ts'
import type { FunctionRef } from './function-ref.ts'

/**
 * The bundle of a version.
 *
 * @param version the active one unless given
 * @throws {FunctionError} FUNCTION_NOT_FOUND, FUNCTION_NOT_DEPLOYED, VERSION_NOT_FOUND
 */
export function bundleOf(
  store: MetadataStore,
  { name, project }: FunctionRef,
  version?: string,
): BundleRecord {
  const row = store.show(name, project)
  const wanted = version ?? row.version
  if (wanted === undefined) {
    const message = `Function '${name}' has no active version: name one of 'functions versions ${name}'.`
    throw new FunctionError('FUNCTION_NOT_DEPLOYED', message)
  }
  const found = store.findVersion(row.id, wanted)
  if (found === undefined) {
    const message = `Function '${name}' has no version '${wanted}': name one of 'functions versions ${name}'.`
    throw new FunctionError('VERSION_NOT_FOUND', message)
  }
  return found.bundle
}

/**
 * The source map of a bundle: JSON, version 3.
 *
 * @throws {FunctionError} STORAGE_UNUSABLE if the file cannot be read
 */
export async function readSourceMap(
  bundles: BundleStore,
  bundle: BundleRecord,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = bundles.mapPath(bundle)
  try {
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    const why = (cause as Error).message
    const message = `The source map ${path} cannot be read (${why}): run 'functions check', or deploy the version again.`
    throw new FunctionError('STORAGE_UNUSABLE', message, { cause })
  }
}
