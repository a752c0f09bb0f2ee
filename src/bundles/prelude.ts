/**
 * The code in front of a bundle that gives each module its `import.meta`, `__dirname` and `__filename`,
 * each `import()` its files, and `fetch` the assets. It is lines of its own, so that the columns of the
 * source map stay valid.
 */
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Runtime } from '../capabilities/runtime.ts'
import { FunctionError } from '../errors.ts'

/** Where the modules and assets of a function seem to lie, whatever machine bundled them. */
const FOLDER = '/function/'

/** The path of a module or asset as the function sees it. */
export function modulePath(source: string): string {
  return FOLDER + source
}

/** The `import.meta.url` of a module, and the URL of an asset. */
export function moduleUrl(source: string): string {
  return pathToFileURL(modulePath(source)).href
}

export interface Asset {
  url: string
  type: string
  content: string
  /** Else the content is the asset's text. */
  base64: boolean
}

/** What an `import()` may load. */
export interface GlobSite {
  /** Paths as the expression gives them, with the number of the file in the module of globs. */
  files: ReadonlyMap<string, number>
  pattern: string
  source: string
}

/** Names of the prelude, which occur nowhere else in the bundle. */
export class Names {
  readonly #prefix: string

  constructor(code: string) {
    this.#prefix = freePrefix(code)
  }

  /** A helper of the prelude. */
  helper(name: string): string {
    return `${this.#prefix}_${name}`
  }

  /** A name as long as the text that it replaces. */
  replacement(number: number, length: number): string {
    return this.#prefix + number.toString(36).padStart(length - this.#prefix.length, '0')
  }
}

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']

/** @throws {FunctionError} BUNDLE_REFUSED if every prefix occurs in the bundle */
function freePrefix(code: string): string {
  const short = [...'$_'].flatMap((first) => LETTERS.map((second) => first + second))
  const isFree = (prefix: string) => !code.includes(`${prefix}_`) && !code.includes(`${prefix}0`)
  // A long bundle of minified code may have all of the short ones.
  const free =
    short.find(isFree) ?? short.flatMap((two) => LETTERS.map((third) => two + third)).find(isFree)
  if (free !== undefined) return free
  const message =
    'The bundle was not linked: it has a name that begins with $aa_ or $aa0, and one for every other prefix of two and three letters from $a to _zz. One of them has to be free for import.meta, import() and assets.'
  throw new FunctionError('BUNDLE_REFUSED', message)
}

const RESOLVE = (self: string) => `function ${self}(specifier, url) {
  const name = \`\${specifier}\`
  if (/^(?:\\.{0,2}\\/|[a-z][a-z0-9+.-]*:)/i.test(name)) return new URL(name, url).href
  throw Object.assign(new Error(\`Cannot resolve '\${name}': packages are part of the bundle and have no URL at run time. import.meta.resolve takes URLs and relative paths\`), { code: 'ERR_MODULE_NOT_FOUND' })
}`

const GLOB = (
  self: string,
  loaders: string,
) => `async function ${self}(files, specifier, pattern, source) {
  const name = \`\${specifier}\`
  if (Object.hasOwn(files, name)) return ${loaders}[files[name]]()
  throw Object.assign(new Error(\`Cannot find module '\${name}' imported from \${source}: the bundle has only the files that matched '\${pattern}' when it was deployed\`), { code: 'ERR_MODULE_NOT_FOUND' })
}`

/** Collects the parts of the prelude of one bundle. */
export class Prelude {
  readonly #lines: string[] = []
  readonly #names: Names
  readonly #bun: boolean

  constructor(names: Names, runtime: Runtime) {
    this.#names = names
    this.#bun = runtime === 'bun'
  }

  get text(): string {
    const text = this.#lines.map((line) => `${line}\n`).join('')
    // Bun takes a bundle of its own for ISO-8859-1.
    return this.#bun ? text.replace(/[^\0-\x7f]/g, escaped) : text
  }

  assets(assets: readonly Asset[]): void {
    if (assets.length === 0) return
    const add = this.#names.helper('asset')
    this.#lines.push(`import { add as ${add} } from "fn:assets"`)
    for (const { url, type, content, base64 } of assets) {
      this.#lines.push(
        `${add}(${[url, type, content].map((text) => JSON.stringify(text))}, ${base64})`,
      )
    }
  }

  /** `import.meta` of some modules, each under a name of its own. */
  metas(modules: ReadonlyMap<string, string>): void {
    if (modules.size === 0) return
    const resolve = this.#names.helper('resolve')
    this.#lines.push(RESOLVE(resolve))
    for (const [source, name] of modules) {
      const [url, path] = [moduleUrl(source), modulePath(source)].map((text) =>
        JSON.stringify(text),
      )
      const folder = JSON.stringify(dirname(modulePath(source)))
      const more = this.#bun
        ? `, dir: ${folder}, path: ${path}, file: ${JSON.stringify(source.slice(source.lastIndexOf('/') + 1))}, env: process.env, require: import.meta.require`
        : ''
      this.#lines.push(
        `const ${name} = { __proto__: null, dirname: ${folder}, filename: ${path}, main: false, resolve: (specifier) => ${resolve}(specifier, ${url}), url: ${url}${more} }`,
      )
    }
  }

  constant(name: string, value: string): void {
    this.#lines.push(`const ${name} = ${JSON.stringify(value)}`)
  }

  /** @param loaders the variable that the module of globs sets */
  globs(sites: ReadonlyMap<string, GlobSite>, loaders: string): void {
    if (sites.size === 0) return
    const glob = this.#names.helper('glob')
    this.#lines.push(`var ${loaders}`, GLOB(glob, loaders))
    for (const [name, { files, pattern, source }] of sites) {
      const table = JSON.stringify(Object.fromEntries(files))
      const where = [pattern, source].map((text) => JSON.stringify(text))
      this.#lines.push(
        `function ${name}(specifier) { return ${glob}(${table}, specifier, ${where}) }`,
      )
    }
  }
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
