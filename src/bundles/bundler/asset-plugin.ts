/**
 * A bundler plugin for imports of files as what they are not by their ending: bytes, or what an import
 * takes `with { type: 'bytes' }`, `'text'` or `'json'`. The bundler gives a plugin no attributes, and joins
 * imports of one file whatever their attributes, so an attribute becomes part of the specifier.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, extname, relative, resolve } from 'node:path'
import { BINARY_ENDINGS, MAX_ASSET_BYTES, TEXT_ENDINGS } from './asset-types.ts'
import type { Transform } from './source-plugin.ts'
import { type Range, templateTexts } from './template-text.ts'

/** In the list of imports, too. */
const NAMESPACE = 'as'

const byEnding = (endings: readonly string[]) =>
  `\\.(?:${endings.map((ending) => ending.slice(1)).join('|')})$`

const OWN_ENDINGS = [...BINARY_ENDINGS, ...TEXT_ENDINGS]

/** Bun forgets the JSX settings of an import that a plugin is asked for. */
const FILTER = new RegExp(`^as-(?:bytes|file|json|text):|${byEnding(BINARY_ENDINGS)}`, 'i')
const TEXT_FILTER = new RegExp(byEnding(TEXT_ENDINGS), 'i')

/**
 * The specifier of an import, as a string literal, and the attribute `type` behind it. The quote comes first:
 * looking back from every character would take too long.
 */
const ATTRIBUTE =
  /(?=["'`])(?<=^\s*(?:import|export)\b[^'"`;]*|[;}]\s*(?:import|export)\b[^'"`;]*|\bimport\(\s*)(["'`])((?:\\.|(?!\1|\$\{)[^\\\n])*)\1(\s*(?:with\s*\{|,\s*\{\s*["']?with["']?\s*:\s*\{)\s*["']?type["']?\s*:\s*["'](bytes|file|json|text)["']\s*,?\s*\}(?:(?<=,\s*\{[^{}]*\{[^{}]*\})\s*,?\s*\})?)/gm

/**
 * Writes the attribute of each import into its specifier: `import a from './a' with { type: 'text' }`
 * becomes `import a from 'as-text:./a'`, and blanks, so that lines and columns stay as they are. It looks
 * for the text only: Bun's own scanner of imports would run macros.
 */
export const withTypedSpecifiers: Transform = (_, text) => {
  if (!/\bwith\b/.test(text)) return text
  let templates: Range[] | undefined
  return text.replace(ATTRIBUTE, (all, quote, specifier, _attribute, type, at: number) => {
    templates ??= templateTexts(text)
    if (templates.some(([from, to]) => from <= at && at < to)) return all
    const isOwn = OWN_ENDINGS.includes(extname(specifier).toLowerCase())
    // The bundler knows these types itself, but not how the plugin loads files.
    if ((type === 'json' || type === 'file') && !isOwn) return all
    const typed = `${quote}as-${type}:${specifier}${quote}`
    return typed + all.slice(typed.length).replace(/[^\n]/g, ' ')
  })
}

/** @param resolveAlias the file that a specifier means by the tsconfig.json of its importer */
export function assetPlugin(
  root: string,
  resolveAlias: (specifier: string, importer: string) => string | undefined,
): Bun.BunPlugin {
  return {
    name: 'assets',
    setup(build) {
      build.onResolve({ filter: FILTER }, ({ path, importer }) => {
        const [, type = 'bytes', specifier = path] = /^as-(\w+):(.*)$/s.exec(path) ?? []
        // The module of globs has paths that are relative to the root.
        if (!importer.startsWith('/')) {
          return specifier === path ? undefined : embedded(type, specifier)
        }
        const file = fileOf(specifier, importer, resolveAlias)
        if (file === undefined) return undefined
        // A path that is relative to the root makes the same bundle wherever the project lies.
        return embedded(type, relative(root, file))
      })
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => {
        const [, type, name = ''] = /^(\w+):(.*)$/s.exec(path) ?? []
        const file = resolve(root, name)
        // It becomes a separate file, which is refused.
        if (type === 'file') return { contents: '', loader: type }
        if (type === 'text' || type === 'json') return { contents: textOf(file), loader: type }
        const { size } = statSync(file)
        if (size > MAX_ASSET_BYTES) {
          throw new Error(
            `${name} has ${size} bytes; an import of bytes may have ${MAX_ASSET_BYTES}`,
          )
        }
        const base64 = readFileSync(file).toString('base64')
        return { contents: `export default Uint8Array.fromBase64("${base64}")\n`, loader: 'js' }
      })
      build.onLoad({ filter: TEXT_FILTER, namespace: 'file' }, ({ path, loader }) => {
        return loader === 'text' ? { contents: textOf(path), loader } : undefined
      })
    },
  }
}

/** The bundler has one module for each path, whatever its namespace. */
function embedded(type: string, path: string): Bun.OnResolveResult {
  return { path: `${type}:${path}`, namespace: NAMESPACE }
}

/** Bun reads UTF-16 and bytes that are not UTF-8 in its own way. */
function textOf(file: string): string {
  return new TextDecoder().decode(readFileSync(file))
}

function fileOf(
  specifier: string,
  importer: string,
  resolveAlias: (specifier: string, importer: string) => string | undefined,
): string | undefined {
  const alias = /^[./]/.test(specifier) ? undefined : resolveAlias(specifier, importer)
  if (alias !== undefined) return alias
  try {
    return Bun.resolveSync(specifier, dirname(importer))
  } catch {
    return undefined
  }
}
