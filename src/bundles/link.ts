/**
 * Finishes a bundle with what the bundler does not do: each module gets its own `import.meta`, an
 * `import()` of `./pages/${name}.ts` gets the files that match, and files that
 * `new URL('./file', import.meta.url)` names become assets.
 */
import { dirname, relative, resolve } from 'node:path'
import type { Runtime } from '../capabilities/runtime.ts'
import type { SourcePosition } from '../errors.ts'
import { Assets } from './assets.ts'
import { GLOB_LOADERS } from './bundler/task.ts'
import { globFiles } from './glob-files.ts'
import { globPattern, readExpression } from './glob-pattern.ts'
import { findSites, REQUIRE_MARK, SITE_MARK, type Site } from './module-sites.ts'
import { type GlobSite, modulePath, Names, Prelude } from './prelude.ts'
import type { Project } from './project.ts'
import { type BundleWarning, warningAt } from './warnings.ts'

/** A file that an `import()` may load, as the bundler gets it. */
export interface GlobFile {
  file: string
  /** Of the import attribute `type`. */
  type?: string
}

export interface Linked {
  code: Uint8Array
  map: Uint8Array
  warnings: BundleWarning[]
  /** What the bundle has to contain. If that is more than it was built with, it must be built again. */
  globs: GlobFile[]
}

/** What `__filename` names in the modules of the platform. */
const BUNDLE = 'bundle.js'

const UNKNOWN_REQUIRE =
  "This require() names a module that is only known at run time, so the bundle does not contain it, and it will throw MODULE_NOT_FOUND: use a literal, or an import() whose path begins with a folder, as in import('./pages/' + page + '.ts')."
const RESOLVE =
  "require.resolve() finds nothing at run time, since modules are part of the bundle, and will throw MODULE_NOT_FOUND: for a file to read, use new URL('./file', import.meta.url)."

/** A bundle as the bundler made it. */
export interface Unlinked {
  code: Uint8Array
  /** Source map, JSON, with the sources as the tenant knows them. */
  map: Uint8Array
  /** The texts of the sources. */
  contents: readonly (string | null)[]
  /** The files that the bundle was built with for `import()`. */
  globs: readonly GlobFile[]
}

/** @throws {FunctionError} BUNDLE_REFUSED for a file that must not be part of the bundle */
export function link(project: Project, runtime: Runtime, bundle: Unlinked): Linked {
  const { code, map, contents, globs } = bundle
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength)
  if (![SITE_MARK, REQUIRE_MARK, 'import('].some((mark) => bytes.includes(mark))) {
    return { code, map, warnings: [], globs: [...globs] }
  }
  const text = new TextDecoder().decode(code)
  const mapText = new TextDecoder().decode(map)
  const linker = new Linker(project, runtime, text, globs)
  const sites = findSites(text, mapText, contents)
  for (const site of sites) linker.collect(site)
  for (const site of sites) linker.visit(site)
  return linker.finish(mapText)
}

class Linker {
  readonly #project: Project
  readonly #runtime: Runtime
  readonly #code: string
  readonly #names: Names
  readonly #assets: Assets
  /** Places by message. */
  readonly #warnings = new Map<string, SourcePosition[]>()
  readonly #parts: string[] = []
  #copied = 0
  /** Names by source. */
  readonly #metas = new Map<string, string>()
  readonly #constants = new Map<string, { name: string; value: string }>()
  readonly #globs = new Map<string, GlobSite>()
  readonly #files: GlobFile[]
  /** Indexes of files. */
  readonly #numbers = new Map<string, number>()

  constructor(project: Project, runtime: Runtime, code: string, globs: readonly GlobFile[]) {
    this.#project = project
    this.#runtime = runtime
    this.#code = code
    this.#files = [...globs]
    for (const [number, { file, type }] of globs.entries()) {
      this.#numbers.set(keyOf(file, type), number)
    }
    this.#names = new Names(code)
    this.#assets = new Assets(project, (message, position) => this.#warn(message, position))
  }

  /** Looks for an asset. */
  collect(site: Site): void {
    if (site.kind !== 'import.meta' || !isSource(site)) return
    this.#assets.visit(this.#code, site.at, site.at + site.text.length, positionOf(site))
  }

  /** Replaces what stands at the site. */
  visit(site: Site): void {
    const { kind, at, text, source } = site
    switch (kind) {
      case 'import':
        if (isSource(site)) this.#import(at, positionOf(site))
        break
      case 'require':
      case 'resolve':
        if (isSource(site)) this.#require(site)
        break
      case 'fs':
        // Bun's own node:fs does not know the assets.
        if (this.#runtime === 'bun' && this.#assets.all.length > 0) {
          this.#replace(at, text, text.replace(/^"(?:node:)?/, '"fn:'))
        }
        break
      case 'import.meta':
        // The bundler's own code means that of the bundle.
        this.#replace(at, text, isSource(site) ? this.#meta(source ?? '', text.length) : kind)
        break
      default: {
        const path = modulePath(isSource(site) ? (source ?? '') : BUNDLE)
        this.#replace(at, text, this.#constant(kind, path))
      }
    }
  }

  #meta(source: string, length: number): string {
    const name = this.#metas.get(source) ?? this.#names.replacement(this.#metas.size, length)
    this.#metas.set(source, name)
    return name
  }

  #constant(kind: '__dirname' | '__filename', path: string): string {
    const value = kind === '__filename' ? path : dirname(path)
    const key = `${kind}:${value}`
    const { name } = this.#constants.get(key) ?? {
      name: this.#names.replacement(this.#constants.size, kind.length),
    }
    this.#constants.set(key, { name, value })
    return name
  }

  #replace(at: number, before: string, after: string): void {
    this.#parts.push(this.#code.slice(this.#copied, at), after)
    this.#copied = at + before.length
  }

  #import(at: number, position: SourcePosition): void {
    const from = at + 'import('.length
    const { pieces, end } = readExpression(this.#code, from) ?? { pieces: undefined, end: from }
    if (pieces?.length === 1 && pieces[0] !== undefined) return
    if (isMethod(this.#code, from)) return
    const pattern = pieces === undefined ? undefined : globPattern(pieces)
    if (pattern === undefined) {
      const example = "import('./pages/' + page + '.ts')"
      const message = `This import() names a module that is only known at run time, so the bundle does not contain it, and it will be rejected: begin the path with a folder, as in ${example}.`
      this.#warn(message, position)
      return
    }
    const type = attributeType(this.#code.slice(end, end + 200))
    const importer = resolve(this.#project.root, position.file)
    const matches = globFiles(this.#project, importer, pattern, position, type !== undefined)
    if (matches.size === 0) {
      const message = `'${pattern.text}' matches no file: this import() will always be rejected.`
      this.#warn(message, position)
    }
    const files = new Map<string, number>()
    for (const [name, file] of matches) files.set(name, this.#number(file, type))
    const name = this.#names.replacement(this.#globs.size, 'import'.length)
    this.#globs.set(name, { files, pattern: pattern.text, source: position.file })
    this.#replace(at, 'import', name)
  }

  /** What the bundler did not follow fails at run time. */
  #require(site: Site): void {
    const from = site.at + site.text.length
    const { pieces, end } = readExpression(this.#code, from) ?? { pieces: undefined, end: from }
    const name = pieces?.length === 1 ? pieces[0] : undefined
    if (site.kind === 'require') {
      // One of a literal is followed, or its failure is handled.
      if (name === undefined) this.#warn(UNKNOWN_REQUIRE, positionOf(site))
      return
    }
    // The bundler writes the path of the file that it found on this machine.
    if (name?.startsWith('/')) {
      const literal = this.#code.slice(from, end)
      const path = JSON.stringify(relative(this.#project.root, name))
      this.#replace(from, literal, path.padEnd(literal.length))
    }
    if (name === undefined || name.startsWith('/')) this.#warn(RESOLVE, positionOf(site))
  }

  #warn(message: string, position: SourcePosition): void {
    this.#warnings.set(message, [...(this.#warnings.get(message) ?? []), position])
  }

  #number(file: string, type: string | undefined): number {
    const key = keyOf(file, type)
    const number = this.#numbers.get(key) ?? this.#files.length
    if (number === this.#files.length) {
      this.#numbers.set(key, number)
      this.#files.push({ file, ...(type !== undefined && { type }) })
    }
    return number
  }

  finish(map: string): Linked {
    const prelude = new Prelude(this.#names, this.#runtime)
    prelude.assets(this.#assets.all)
    prelude.metas(this.#metas)
    for (const { name, value } of this.#constants.values()) prelude.constant(name, value)
    prelude.globs(this.#globs, GLOB_LOADERS)
    this.#parts.push(this.#code.slice(this.#copied))
    const { text } = prelude
    const encoder = new TextEncoder()
    return {
      code: encoder.encode(inFront(text, this.#parts.join(''))),
      map: encoder.encode(withLinesInFront(map, text.split('\n').length - 1)),
      warnings: [...this.#warnings].map(([message, places]) => warningAt(message, places)),
      globs: this.#files,
    }
  }
}

/** Whether it is in a file of the project, and not in one of the bundler. */
function isSource({ source }: Site): boolean {
  return source !== undefined && !/^\w+:/.test(source)
}

function positionOf({ source = '', line, column }: Site): SourcePosition {
  return { file: source, line, column }
}

/** Whether what begins with `import(` is a method of this name: its body follows. */
function isMethod(code: string, from: number): boolean {
  let end = readExpression(code, from)?.end
  while (end !== undefined && code[end] === ',') end = readExpression(code, end + 1)?.end
  return end !== undefined && code.startsWith(') {', end)
}

function keyOf(file: string, type: string | undefined): string {
  return `${type ?? ''}:${file}`
}

/** `text` of `, { with: { type: "text" } })`. */
function attributeType(options: string): string | undefined {
  return /^, \{\s*with: \{\s*type: ["'`](\w+)["'`]/.exec(options)?.[1]
}

/** The first line of a bundle for Bun is a comment that must stay there. */
function inFront(prelude: string, code: string): string {
  if (!code.startsWith('// @bun')) return prelude + code
  const end = code.indexOf('\n') + 1
  return code.slice(0, end) + prelude + code.slice(end)
}

/** The first line of a bundle has no code of a source, so it does not matter which side of it they are. */
function withLinesInFront(map: string, lines: number): string {
  if (lines === 0) return map
  const parsed = JSON.parse(map) as { mappings: string }
  return JSON.stringify({ ...parsed, mappings: ';'.repeat(lines) + parsed.mappings })
}
