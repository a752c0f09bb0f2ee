/** The data files of web-platform-tests: beside the checkout of this repository, or under WPT_ROOT. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const BESIDE = join(import.meta.dir, '../../../shared/wpt-data')

/** Their folders. A file's name is its path with hyphens for slashes, without `resources/`. */
const FOLDERS = ['fetch/data-urls', 'mimesniff/mime-types', 'urlpattern', 'url']

function pathOf(name: string): string | undefined {
  const beside = join(BESIDE, name)
  if (existsSync(beside)) return beside
  const folder = FOLDERS.find((path) => name.startsWith(`${path.replaceAll('/', '-')}-`))
  if (process.env.WPT_ROOT === undefined || folder === undefined) return undefined
  const file = name.slice(folder.length + 1)
  const path = join(process.env.WPT_ROOT, folder, 'resources', file)
  return existsSync(path) ? path : undefined
}

/** Whether all of these exist. If not, their tests are skipped under a name that says so. */
export const haveData = (...names: string[]): boolean =>
  names.every((name) => pathOf(name) !== undefined)

export function readData(name: string) {
  const path = pathOf(name)
  if (path === undefined) throw new Error(`${name} is not there`)
  return JSON.parse(readFileSync(path, 'utf8'))
}
