/** Names in the directory of bundles, and writes that survive a power cut. */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DEFAULT_PROJECT } from '../metadata/records.ts'

/** The directory of bundles in the data directory: `bundles/<function id>/<version>/`. */
export const BUNDLES = 'bundles'
export const BUNDLE_FILE = 'bundle.js'
export const MAP_FILE = 'bundle.js.map'
/** What a version runs with, so that functions can be rebuilt without the database. */
export const MANIFEST_FILE = 'version.json'
/** The name of a function's active version, in the directory of the function. A version has no dot in front. */
export const ACTIVE_FILE = '.active'
/**
 * The directory of intents: `bundles/.staging/<uuid>/`. An intent names the bundle directories that an
 * unfinished change is about to add or remove. So a start after a crash looks at these alone, however
 * many bundles there are. No function id begins with a dot.
 */
export const STAGING = join(BUNDLES, '.staging')
/** Says that every version has a manifest, in the directory of bundles: releases before 0.3 wrote none. */
export const MANIFESTS_MARKER = '.manifests'
/** Where releases before 0.3 wrote a bundle before it got its name. */
export const OLD_STAGED_PREFIX = '.new-'

/** Separates a version from a random suffix, which its directory has if its own name was taken. */
const SUFFIX = '~'

const FUNCTION_ID = /^func-(?:[a-z0-9-]{1,63}\.)?[a-z0-9-]{1,63}$/
const VERSION_DIRECTORY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?:~[0-9a-f]{8})?$/

/** The function and version that a bundle directory is for. */
export interface BundleOwner {
  functionId: string
  version: string
}

/**
 * Reads `bundles/<function id>/<version>`, with or without a file in it; undefined for every other
 * path. What this refuses is never deleted.
 */
export function bundleOwner(path: string): BundleOwner | undefined {
  const [root, id = '', directory = '', file, ...more] = path.split('/')
  if (root !== BUNDLES || more.length > 0 || (file !== undefined && file !== BUNDLE_FILE)) {
    return undefined
  }
  const [version = ''] = directory.split(SUFFIX)
  const valid = isFunctionId(id) && VERSION_DIRECTORY.test(directory) && !version.includes('..')
  return valid ? { functionId: id, version } : undefined
}

export function isFunctionId(id: string): boolean {
  return FUNCTION_ID.test(id)
}

/** The inverse of `functionId`. */
export function namesOf(id: string): { project: string; name: string } {
  const [first = '', second] = id.slice('func-'.length).split('.')
  return second === undefined
    ? { project: DEFAULT_PROJECT, name: first }
    : { project: first, name: second }
}

/** The path of a new bundle, which no earlier bundle has had since the last crash or backup began. */
export function bundlePathOf(id: string, version: string, taken: boolean): string {
  const suffix = taken ? `${SUFFIX}${crypto.randomUUID().slice(0, 8)}` : ''
  return join(BUNDLES, id, `${version}${suffix}`, BUNDLE_FILE)
}

/** Writes a new file and syncs it to the disk. */
export async function writeSynced(path: string, bytes: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename survives a power cut only if the directory is synced too. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Creates a directory below the data directory, and syncs it and every directory above it that is new. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncDirectory(at)
  await syncDirectory(dirname(first))
}

/**
 * Replaces a file so that readers see the old or the new content. It may be lost in a power cut. No other
 * call for the same file may run; one that was cut off leaves `<path>.new`, which the next one takes.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  await file.writeFile(text).finally(() => file.close())
  await rename(temporary, path)
}
