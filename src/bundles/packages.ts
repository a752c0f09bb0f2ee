/** Packages in node_modules. */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isInside } from '../lib/is-inside.ts'

/** `@scope/name` of `@scope/name/path`. */
export function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** The folder of a package, found as Node does, up to the root; it may be a symbolic link. */
export function installed(root: string, name: string, from: string): string | undefined {
  for (let at = from; isInside(root, at); at = dirname(at)) {
    const home = join(at, 'node_modules', name)
    if (existsSync(home)) return home
    if (at === dirname(at)) break
  }
  return undefined
}

/** Whether a file belongs to a package: one that is installed, or linked by the name that an import has. */
export function isOfPackage(
  root: string,
  importer: string,
  specifier: string,
  file: string,
): boolean {
  if (inNodeModules(file)) return true
  const home = /^[@\w]/.test(specifier)
    ? installed(root, packageOf(specifier), dirname(importer))
    : undefined
  return home !== undefined && isInside(realpathSync(home), file)
}

/** Whether a path lies in a package that was installed, not linked. */
export function inNodeModules(path: string): boolean {
  return path.includes('/node_modules/')
}
