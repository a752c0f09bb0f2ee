/** The files that `new URL('./file', import.meta.url)` names: they become assets of the bundle. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { FunctionError, type SourcePosition } from '../errors.ts'
import {
  contentType,
  MAX_ASSET_BYTES,
  MAX_ASSETS_BYTES,
  MAX_MATCHES,
} from './bundler/asset-types.ts'
import { globFiles } from './glob-files.ts'
import { globPattern, readExpression } from './glob-pattern.ts'
import { fileRefusal } from './imports.ts'
import { type Asset, moduleUrl } from './prelude.ts'
import type { Project } from './project.ts'

/** In front of the first argument. */
const CALL = 'new URL('
/** Characters before an `import.meta` that are searched for the call. */
const MAX_CALL = 4096

/** A relative reference without scheme, and not to the module's own folder. */
const RELATIVE = /^(?![a-z][a-z0-9+.-]*:|\/|#|\?)[^#?]*[^#?/.]/i

/** Collects the assets of one bundle. */
export class Assets {
  readonly #project: Project
  readonly #warn: (message: string, position: SourcePosition) => void
  readonly #found = new Map<string, Asset>()
  #bytes = 0

  /** @param warn gets what does not refuse the bundle */
  constructor(project: Project, warn: (message: string, position: SourcePosition) => void) {
    this.#project = project
    this.#warn = warn
  }

  get all(): Asset[] {
    return [...this.#found.values()]
  }

  /**
   * Looks at an `import.meta` of the bundle.
   *
   * @param at its index in the code
   * @param after the index behind it
   * @throws {FunctionError} BUNDLE_REFUSED if it makes an asset of a file that must not be taken
   */
  visit(code: string, at: number, after: number, position: SourcePosition): void {
    const before = code.slice(Math.max(0, at - MAX_CALL), at)
    const start = before.lastIndexOf(CALL)
    if (start === -1 || !before.endsWith(', ') || !code.startsWith('.url)', after)) return
    const text = before.slice(start + CALL.length, -2)
    const { pieces, end } = readExpression(`${text})`, 0) ?? {}
    if (pieces === undefined || end !== text.length) return
    if (pieces.length === 1 && pieces[0] !== undefined) this.#named(pieces[0], position)
    else this.#matched(pieces, position)
  }

  #named(reference: string, position: SourcePosition): void {
    if (!RELATIVE.test(reference)) return
    const path = decoded(reference.replace(/[?#].*$/s, ''))
    const importer = resolve(this.#project.root, position.file)
    const file = resolve(dirname(importer), path)
    const stat = statSync(file, { throwIfNoEntry: false })
    if (stat?.isDirectory()) return
    if (stat === undefined) {
      const message = `'${reference}' is not part of the bundle: there is no ${relative(this.#project.root, file)}. Reading it at run time will fail.`
      this.#warn(message, position)
      return
    }
    this.#add(file, reference, position)
  }

  #matched(pieces: readonly (string | undefined)[], position: SourcePosition): void {
    const pattern = globPattern(pieces)
    if (pattern === undefined) return
    const importer = resolve(this.#project.root, position.file)
    const files = new Set(globFiles(this.#project, importer, pattern, position, true).values())
    for (const file of files) this.#add(file, pattern.text, position)
  }

  #add(file: string, reference: string, position: SourcePosition): void {
    const path = relative(this.#project.root, file)
    const url = moduleUrl(path)
    if (this.#found.has(url)) return
    const why =
      fileRefusal(this.#project, position.file, { path, original: reference, kind: 'url-token' }) ??
      this.#tooMuch(file)
    if (why !== undefined) {
      throw new FunctionError('BUNDLE_REFUSED', `'${reference}' ${why}.`, { position })
    }
    const bytes = readFileSync(file)
    this.#bytes += bytes.length
    this.#found.set(url, { url, type: contentType(file), ...encoded(bytes) })
  }

  #tooMuch(file: string): string | undefined {
    const stat = statSync(file)
    if (!stat.isFile()) return 'is not a regular file'
    if (stat.size > MAX_ASSET_BYTES) {
      return `has ${stat.size} bytes, and an asset may have ${MAX_ASSET_BYTES}: fetch it from a server`
    }
    if (this.#found.size >= MAX_MATCHES) {
      return `is one more than the ${MAX_MATCHES} assets that a bundle may have`
    }
    return this.#bytes + stat.size > MAX_ASSETS_BYTES
      ? `is one too many: the assets of a bundle may have ${MAX_ASSETS_BYTES} bytes together`
      : undefined
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** As text where that is shorter. */
function encoded(bytes: Buffer): { content: string; base64: boolean } {
  const base64 = bytes.toString('base64')
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    if (JSON.stringify(text).length <= base64.length) return { content: text, base64: false }
  } catch {
    // It is not UTF-8.
  }
  return { content: base64, base64: true }
}
