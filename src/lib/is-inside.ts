import { sep } from 'node:path'

/** Whether `path` is `root` or below it. Both must be absolute and free of symbolic links. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}
