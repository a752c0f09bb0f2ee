/**
 * Reads tsconfig.json with `extends` in every form that TypeScript has: a file with or without its
 * ending, a package or a file in it, a list of these, nested. Bun follows only a path with its ending,
 * and ignores what is missing or broken.
 *
 * Nothing outside of the project root is read, also through a symbolic link.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { isInside } from '../../lib/is-inside.ts'
import { parseJson } from '../../lib/json.ts'
import { readSmallFile } from '../../lib/small-file.ts'

const NAMES = ['tsconfig.json', 'jsconfig.json'] as const
/** No real file is larger. */
const MAX_BYTES = 2 ** 20
/** Files that one tsconfig.json may extend one after the other. TypeScript has no limit. */
const MAX_DEPTH = 64

const JSX_OPTIONS = ['jsx', 'jsxFactory', 'jsxFragmentFactory', 'jsxImportSource'] as const
/** Options that change what Bun makes of a file, other than `paths` and `baseUrl`. */
const OPTIONS = [
  ...JSX_OPTIONS,
  'experimentalDecorators',
  'emitDecoratorMetadata',
  'useDefineForClassFields',
  'importsNotUsedAsValues',
  'preserveValueImports',
  'verbatimModuleSyntax',
] as const

export type CompilerOptions = Partial<Record<(typeof OPTIONS)[number], unknown>>

/** A tsconfig.json with everything that it extends. */
export interface Tsconfig {
  options: CompilerOptions
  /** Absolute. */
  baseUrl: string | undefined
  /** By pattern, with absolute targets. */
  paths: [pattern: string, targets: string[]][]
}

/** What is wrong with a tsconfig.json, and in which text of it. */
export class TsconfigFault extends Error {
  readonly file: string
  /** The content of the file; undefined if it could not be read. */
  readonly text: string | undefined
  /** The JSON string in the text that is at fault; undefined if the text does not parse. */
  readonly at: string | undefined

  constructor(message: string, file: string, text?: string, at?: string) {
    super(message)
    this.file = file
    this.text = text
    this.at = at
  }
}

interface Setting<T> {
  value: T
  /** The folder of the file that sets it. */
  from: string
}

/** One file, merged with what it extends. */
interface Merged {
  options: CompilerOptions
  baseUrl: Setting<string> | undefined
  paths: Setting<Record<string, string[]>> | undefined
}

type Json = Record<string, unknown>

export class TsconfigReader {
  readonly #root: string
  readonly #byFolder = new Map<string, Tsconfig | undefined>()
  readonly #byFile = new Map<string, Merged>()
  /** Folders and files that cannot block a reader. */
  readonly #checked = new Set<string>()

  /** @param root absolute and free of symbolic links */
  constructor(root: string) {
    this.#root = root
  }

  /**
   * The nearest tsconfig.json of a source file, or jsconfig.json; undefined for a package in
   * node_modules, which was built with its own.
   *
   * @throws {TsconfigFault}
   */
  of(file: string): Tsconfig | undefined {
    return file.includes('/node_modules/') ? undefined : this.#ofFolder(dirname(file))
  }

  /**
   * Bun reads the tsconfig.json of its working directory and of the entry's folder, those above, and
   * what they extend, before it lets its option `tsconfig` replace them. A pipe would block it.
   *
   * @throws {TsconfigFault} for what is not a regular file
   */
  checkAbove(folder: string): void {
    for (let at = folder; !this.#checked.has(at); at = dirname(at)) {
      this.#checked.add(at)
      for (const name of NAMES) this.#checkExtended(join(at, name), 0)
    }
  }

  /** As `checkAbove`, for the folders in which a package may lie. @throws {TsconfigFault} */
  checkPackage(specifier: string, folder: string): void {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
    for (let at = folder; at !== dirname(at); at = dirname(at)) {
      const home = join(at, 'node_modules', name)
      if (!existsSync(home)) continue
      this.checkAbove(home)
      this.checkAbove(realpathSync(home))
    }
  }

  #checkExtended(file: string, depth: number): void {
    if (depth > MAX_DEPTH || !isFile(file) || statSync(file).size > MAX_BYTES) return
    let text: string
    let given: string[]
    try {
      text = readSmallFile(file)
      given = extendsOf(Bun.JSONC.parse(text) as Json, file, text)
    } catch {
      // It is reported if it is the one of a source.
      return
    }
    for (const specifier of given) {
      for (const each of pathCandidates(resolve(dirname(file), specifier))) {
        if (blocks(each)) {
          const message = `'extends': '${specifier}' is not a regular file`
          throw new TsconfigFault(message, file, text, specifier)
        }
        if (this.#checked.has(each)) continue
        this.#checked.add(each)
        this.#checkExtended(each, depth + 1)
      }
    }
  }

  #ofFolder(folder: string): Tsconfig | undefined {
    if (!isInside(this.#root, folder)) return undefined
    if (!this.#byFolder.has(folder)) {
      const found = NAMES.map((name) => join(folder, name)).find((file) => existsSync(file))
      const config =
        found === undefined
          ? this.#ofFolder(dirname(folder))
          : finish(this.#merged(found, []), folder)
      this.#byFolder.set(folder, config)
    }
    return this.#byFolder.get(folder)
  }

  /** @param extending the files that led here, the first one first */
  #merged(file: string, extending: readonly string[]): Merged {
    const known = this.#byFile.get(file)
    if (known !== undefined) return known
    const { text, json } = this.#read(file)
    const chain = [...extending, file]
    const merged: Merged = { options: {}, baseUrl: undefined, paths: undefined }
    for (const specifier of extendsOf(json, file, text)) {
      const next = this.#extended(specifier, file, text)
      this.#checkChain(chain, next, file, text, specifier)
      const parent = this.#merged(next, chain)
      Object.assign(merged.options, parent.options)
      merged.baseUrl = parent.baseUrl ?? merged.baseUrl
      merged.paths = parent.paths ?? merged.paths
    }
    applyOwn(merged, json, file, text)
    this.#byFile.set(file, merged)
    return merged
  }

  #checkChain(
    chain: readonly string[],
    next: string,
    file: string,
    text: string,
    specifier: string,
  ): void {
    if (chain.includes(next)) {
      const names = [...chain.slice(chain.indexOf(next)), next].map((each) => this.#name(each))
      throw new TsconfigFault(`'extends' is circular: ${names.join(' -> ')}`, file, text, specifier)
    }
    if (chain.length >= MAX_DEPTH) {
      const message = `'extends' is nested deeper than ${MAX_DEPTH} files`
      throw new TsconfigFault(message, file, text, specifier)
    }
  }

  #name(file: string): string {
    return relative(this.#root, file)
  }

  #read(file: string): { text: string; json: Json } {
    const text = this.#text(file)
    if (text.trim() === '') return { text, json: {} }
    let json: unknown
    try {
      json = Bun.JSONC.parse(text)
    } catch (cause) {
      throw new TsconfigFault((cause as Error).message, file, text)
    }
    if (!isRecord(json)) throw new TsconfigFault('it must be a JSON object', file, text, '')
    return { text, json }
  }

  #text(file: string): string {
    try {
      return this.#checkedText(file)
    } catch (cause) {
      if (cause instanceof TsconfigFault) throw cause
      const { code } = cause as NodeJS.ErrnoException
      throw new TsconfigFault(`it cannot be read (${code})`, file)
    }
  }

  #checkedText(file: string): string {
    if (!this.#inside(file)) {
      throw new TsconfigFault('it leads outside the project root', file)
    }
    const stat = statSync(file)
    // Reading a pipe would block.
    if (!stat.isFile()) throw new TsconfigFault('it is not a regular file', file)
    if (stat.size > MAX_BYTES) throw new TsconfigFault(`it is larger than ${MAX_BYTES} bytes`, file)
    return readSmallFile(file).replace(/^\uFEFF/, '')
  }

  #inside(file: string): boolean {
    return isInside(this.#root, realpathSync(file))
  }

  /** The file that `extends` names. */
  #extended(specifier: string, file: string, text: string): string {
    const fault = (why: string) =>
      new TsconfigFault(`'extends': '${specifier}' ${why}`, file, text, specifier)
    if (specifier === '') throw fault('must not be empty')
    const candidates = /^(?:\.{0,2}\/|\.{1,2}$)/.test(specifier)
      ? pathCandidates(resolve(dirname(file), specifier))
      : packageCandidates(specifier, dirname(file))
    const found = candidates.find(isFile)
    if (found === undefined) {
      const [tried = ''] = candidates
      if (candidates.some(blocks)) throw fault('is not a regular file')
      throw fault(tried === '' ? 'is not installed' : 'does not exist')
    }
    if (!this.#inside(found)) throw fault('lies outside the project root')
    return found
  }
}

/** TypeScript adds only `.json` to a path. A folder means the tsconfig.json in it. */
function pathCandidates(path: string): string[] {
  return [path, `${path}.json`, join(path, 'tsconfig.json')]
}

/** As Node finds modules, with the ending optional and tsconfig.json as the main file of a package. */
function packageCandidates(specifier: string, folder: string): string[] {
  const found: string[] = []
  for (const each of [specifier, `${specifier}.json`, `${specifier}/tsconfig.json`]) {
    try {
      const path = Bun.resolveSync(each, folder)
      if (path.endsWith('.json') && basename(path) !== 'package.json') found.push(path)
    } catch {
      // Not this form.
    }
  }
  return [...found, ...packageField(specifier, folder)]
}

/** The field `tsconfig` of a package that is named without a path. */
function packageField(specifier: string, folder: string): string[] {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const home = join(at, 'node_modules', specifier)
    const file = join(home, 'package.json')
    if (!isFile(file) || statSync(file).size > MAX_BYTES) continue
    try {
      const { tsconfig } = parseJson(readSmallFile(file)) as { tsconfig?: unknown }
      return typeof tsconfig === 'string' ? pathCandidates(resolve(home, tsconfig)) : []
    } catch {
      return []
    }
  }
  return []
}

/** Is it a pipe, a socket or a device? */
function blocks(path: string): boolean {
  try {
    const stat = statSync(path)
    return !stat.isFile() && !stat.isDirectory()
  } catch {
    return false
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function extendsOf(json: Json, file: string, text: string): string[] {
  const { extends: given } = json
  if (given === undefined) return []
  const list = Array.isArray(given) ? given : [given]
  if (list.every((each): each is string => typeof each === 'string')) return list
  throw new TsconfigFault("'extends' must be a string or a list of strings", file, text, 'extends')
}

/** Applies a file's own settings on top of what it extends. */
function applyOwn(merged: Merged, json: Json, file: string, text: string): void {
  const own = json.compilerOptions
  if (own === undefined) return
  if (!isRecord(own)) {
    throw new TsconfigFault("'compilerOptions' must be an object", file, text, 'compilerOptions')
  }
  for (const name of OPTIONS) if (Object.hasOwn(own, name)) merged.options[name] = own[name]
  const from = dirname(file)
  const { baseUrl, paths } = own
  if (typeof baseUrl === 'string') merged.baseUrl = { value: baseUrl, from }
  if (paths === undefined) return
  const valid = isRecord(paths) && Object.values(paths).every(isTargets)
  if (!valid) {
    throw new TsconfigFault("'paths' must map patterns to lists of strings", file, text, 'paths')
  }
  merged.paths = { value: paths as Record<string, string[]>, from }
}

function isTargets(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** @param folder of the tsconfig.json that is not extended itself: `${configDir}` means it */
function finish({ options, baseUrl, paths }: Merged, folder: string): Tsconfig {
  const absolute = (path: string, from: string) =>
    resolve(from, path.replace(/^\$\{configDir\}/, folder))
  const base = baseUrl && absolute(baseUrl.value, baseUrl.from)
  return {
    options,
    baseUrl: base,
    paths: Object.entries(paths?.value ?? {}).map(([pattern, targets]) => {
      return [pattern, targets.map((target) => absolute(target, base ?? paths?.from ?? folder))]
    }),
  }
}

/** Do two files have the same JSX settings? */
export function sameJsx(a: CompilerOptions, b: CompilerOptions): boolean {
  return JSX_OPTIONS.every((name) => a[name] === b[name])
}
