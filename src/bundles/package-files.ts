/**
 * Finds the file that an import means under given conditions, as the bundler does. The bundler decides;
 * this says what it would have decided under other conditions, and why.
 */
import { realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { isInside } from '../lib/is-inside.ts'
import { parseJson } from '../lib/json.ts'
import { MAX_SMALL_FILE_BYTES, readSmallFile } from '../lib/small-file.ts'
import { findTarget } from './exports.ts'
import { installed, packageOf } from './packages.ts'

const ENDINGS = ['', '.tsx', '.ts', '.jsx', '.js', '.mjs', '.cjs', '.mts', '.cts', '.json']

export interface Conditions {
  names: ReadonlySet<string>
  /** Does the field `browser` count? */
  browser: boolean
}

export interface Resolution {
  /** Absolute and free of symbolic links. */
  file: string
  /** The fields and keys that led to it, such as `exports["."]`, `workerd`, `import`. */
  via: string[]
}

type Manifest = Record<string, unknown>

export class PackageFiles {
  readonly #root: string
  readonly #manifests = new Map<string, Manifest | undefined>()

  /** @param root absolute and free of symbolic links; nothing outside of it is read */
  constructor(root: string) {
    this.#root = root
  }

  /** @param importer absolute. Undefined if the import leads to no file. */
  resolve(importer: string, specifier: string, conditions: Conditions): Resolution | undefined {
    const found = this.#resolve(importer, specifier, conditions)
    if (found === undefined || !conditions.browser) return found
    return this.#mapped(found)
  }

  /** Does the field `browser` of the importer's package say that a module is left out? */
  isLeftOut(importer: string, specifier: string): boolean {
    const path = /^\.{1,2}\//.test(specifier) ? resolve(dirname(importer), specifier) : undefined
    const home = this.homeOf(importer)
    if (path === undefined) return this.#browserEntry(home, [specifier]) === false
    const endings = ENDINGS.map((ending) => path + ending)
    return endings.some((file) => this.#browserEntry(home, keysOf(home, file)) === false)
  }

  /** The folder of the package that a file belongs to. */
  homeOf(file: string): string {
    const inModules = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]
    if (inModules !== undefined) return inModules
    for (let at = dirname(file); isInside(this.#root, at); at = dirname(at)) {
      if (this.manifest(at) !== undefined) return at
      if (at === dirname(at)) break
    }
    return this.#root
  }

  /** The package.json of a folder; undefined if it has none that can be read. */
  manifest(folder: string): Manifest | undefined {
    if (!this.#manifests.has(folder)) this.#manifests.set(folder, this.#read(folder))
    return this.#manifests.get(folder)
  }

  #read(folder: string): Manifest | undefined {
    try {
      const file = realpathSync(join(folder, 'package.json'))
      const stat = statSync(file)
      if (!isInside(this.#root, file) || !stat.isFile()) return undefined
      if (stat.size > MAX_SMALL_FILE_BYTES) return undefined
      const json = parseJson(readSmallFile(file))
      return typeof json === 'object' && json !== null ? (json as Manifest) : undefined
    } catch {
      return undefined
    }
  }

  #resolve(importer: string, specifier: string, conditions: Conditions): Resolution | undefined {
    if (/^\.{1,2}(?:\/|$)/.test(specifier)) {
      const path = resolve(dirname(importer), specifier)
      const file = this.#existing(path)
      return file === undefined ? this.#main(path, conditions) : { file, via: [] }
    }
    if (specifier.startsWith('/')) return this.#file(specifier, [])
    const home = this.homeOf(importer)
    if (specifier.startsWith('#')) return this.#internal(home, specifier, conditions)
    const name = packageOf(specifier)
    const self = this.manifest(home)
    const isSelf = self?.name === name && self.exports !== undefined
    const target = isSelf ? home : installed(this.#root, name, dirname(importer))
    if (target === undefined) return undefined
    return this.#inPackage(realPath(target) ?? target, specifier.slice(name.length), conditions)
  }

  #internal(home: string, specifier: string, conditions: Conditions): Resolution | undefined {
    const found = findTarget(this.manifest(home)?.imports, specifier, conditions.names)
    if (found === undefined) return undefined
    const via = viaOf('imports', found.via)
    if (found.target.startsWith('./')) return this.#file(join(home, found.target), via)
    // A name in `imports` may lead to a package, but not to another such name.
    if (/^[#./]/.test(found.target)) return undefined
    const next = this.#resolve(join(home, 'package.json'), found.target, conditions)
    return next && { file: next.file, via: [...via, ...next.via] }
  }

  /** @param rest empty or `/path` */
  #inPackage(home: string, rest: string, conditions: Conditions): Resolution | undefined {
    const manifest = this.manifest(home) ?? {}
    if (manifest.exports !== undefined && manifest.exports !== null) {
      const found = findTarget(manifest.exports, `.${rest}`, conditions.names)
      return found && this.#file(join(home, found.target), viaOf('exports', found.via))
    }
    return rest === '' ? this.#main(home, conditions) : this.#file(join(home, rest), [])
  }

  /** What a folder is, without regard to `exports`. */
  #main(home: string, conditions: Conditions): Resolution | undefined {
    const manifest = this.manifest(home) ?? {}
    const fields =
      conditions.names.has('require') && typeof manifest.main === 'string'
        ? ['browser', 'main']
        : ['browser', 'module', 'main']
    for (const field of fields) {
      const value = manifest[field]
      if (typeof value !== 'string' || (field === 'browser' && !conditions.browser)) continue
      const found = this.#file(join(home, value), [field])
      if (found !== undefined) return found
    }
    return this.#file(home, [])
  }

  /** The field `browser` of a file's package may replace the file. */
  #mapped(found: Resolution): Resolution | undefined {
    const home = this.homeOf(found.file)
    const entry = this.#browserEntry(home, keysOf(home, found.file))
    if (typeof entry !== 'string') return entry === false ? undefined : found
    const key = `browser["./${relative(home, found.file)}"]`
    return this.#file(join(home, entry), [...found.via, key]) ?? found
  }

  #browserEntry(home: string, keys: readonly string[]): unknown {
    const map = this.manifest(home)?.browser
    if (typeof map !== 'object' || map === null) return undefined
    const key = keys.find((each) => Object.hasOwn(map, each))
    return key === undefined ? undefined : (map as Manifest)[key]
  }

  #file(path: string, via: string[]): Resolution | undefined {
    const file = this.#existing(path) ?? this.#existing(join(path, 'index'))
    return file === undefined ? undefined : { file, via }
  }

  #existing(path: string): string | undefined {
    for (const ending of ENDINGS) {
      const real = realPath(path + ending)
      if (real === undefined || !isInside(this.#root, real)) continue
      if (statSync(real, { throwIfNoEntry: false })?.isFile()) return real
    }
    return undefined
  }
}

/** How the field `browser` may name a file: with or without its ending and `index`. */
function keysOf(home: string, file: string): string[] {
  const path = relative(home, file)
  const bare = path.replace(/\.[cm]?[jt]sx?$|\.json$/, '')
  const folder = bare.replace(/(?:^|\/)index$/, '')
  return [path, bare, folder].filter((each) => each !== '').flatMap((each) => [`./${each}`, each])
}

function viaOf(field: string, [path = '', ...conditions]: readonly string[]): string[] {
  return [`${field}[${JSON.stringify(path)}]`, ...conditions]
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
