/** Changes to tests that cannot run unchanged inside an ES module, each with its reason. */

interface Patch {
  file: string
  from: string
  to: string
  why: string
}

const PATCHES: Patch[] = []

/** Applies the changes to a source; a patch that does not fit is an error. */
export function patch(file: string, source: string): string {
  let result = source
  for (const { from, to, ...one } of PATCHES) {
    if (one.file !== file) continue
    if (!result.includes(from)) throw new Error(`${file}: the patch for '${from}' no longer fits`)
    result = result.replaceAll(from, () => to)
  }
  return result
}
