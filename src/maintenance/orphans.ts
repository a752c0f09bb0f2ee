/** Finds the folders of bundles that the database does not know. */
import type { Database } from 'bun:sqlite'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ACTIVE_FILE,
  BUNDLE_FILE,
  BUNDLES,
  bundleOwner,
  isFunctionId,
  STAGING,
} from '../bundles/files.ts'
import { INTENT_FILE, parseIntent } from '../bundles/intents.ts'
import { namesIn, plainFileSize } from './files.ts'

/** Folders that no version refers to. A change that runs now has its folder in an intent. */
export function* orphansIn(dataDir: string, db: Database): Generator<string> {
  const root = join(dataDir, BUNDLES)
  const query = db.query<{ path: string }, [string, string]>(
    'SELECT bundle_path AS path FROM function_versions WHERE function_id = ? AND version = ?',
  )
  const isReferred = (path: string) => {
    const owner = bundleOwner(path)
    if (owner === undefined) return false
    return query.get(owner.functionId, owner.version)?.path === join(path, BUNDLE_FILE)
  }
  for (const id of namesIn(root).filter(isFunctionId)) {
    for (const name of namesIn(join(root, id))) {
      const path = join(BUNDLES, id, name)
      if (name.startsWith(ACTIVE_FILE) || isReferred(path)) continue
      // In this order: a deployment removes its intent after its row is there.
      if (!isIntended(dataDir, path) && !isReferred(path)) yield path
    }
  }
}

function isIntended(dataDir: string, path: string): boolean {
  const root = join(dataDir, STAGING)
  return namesIn(root).some((name) => {
    const file = join(root, name, INTENT_FILE)
    if (plainFileSize(file) === undefined) return false
    const directories = parseIntent(readFileSync(file, 'utf8'))
    return directories.includes(path) || directories.includes(dirname(path))
  })
}
