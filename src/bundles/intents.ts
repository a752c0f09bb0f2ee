/** The file of an intent: the bundle directories that an unfinished change adds or removes. */
import { z } from 'zod'
import { BUNDLES, bundleOwner, isFunctionId } from './files.ts'

export const INTENT_FILE = 'intent.json'

const schema = z.object({ directories: z.array(z.string()) })

/** @param directories relative to the data directory: of versions, or of whole functions */
export function intentText(directories: readonly string[]): string {
  return `${JSON.stringify({ directories })}\n`
}

/** The directories of an intent; paths that lead anywhere else are left out. */
export function parseIntent(text: string): string[] {
  try {
    return schema.parse(JSON.parse(text)).directories.filter(isBundleDirectory)
  } catch {
    // It was not written to its end: the change had not begun.
    return []
  }
}

/** Is it the directory of a function and not of one version? */
export function isFunctionDirectory(path: string): boolean {
  const [root, id = '', ...more] = path.split('/')
  return root === BUNDLES && more.length === 0 && isFunctionId(id)
}

function isBundleDirectory(path: string): boolean {
  return isFunctionDirectory(path) || bundleOwner(path) !== undefined
}
