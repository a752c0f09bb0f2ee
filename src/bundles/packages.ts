/** Packages in node_modules. */
import { existsSync } from 'node:fs'
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

/** Whether a path lies in a package that was installed, not linked. */
export function inNodeModules(path: string): boolean {
  return path.includes('/node_modules/')
}
