/**
 * A bundler plugin for imports of bytes: files of BINARY_ENDINGS, and what an import takes
 * `with { type: 'bytes' }`. The bundler knows the types `text` and `json` itself, but gives a plugin no
 * attributes, so they are read from the importing source.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, extname, relative, resolve } from 'node:path'
import { BINARY_ENDINGS, MAX_ASSET_BYTES, TEXT_ENDINGS } from './asset-types.ts'

/** In the list of imports, too. */
const NAMESPACE = 'bytes'

/** Endings of other files that may be imported as bytes. */
const OTHER_ENDINGS = [
  '.conf',
  '.crt',
  '.der',
  '.json',
  '.key',
  '.onnx',
  '.pem',
  '.raw',
  '.tar',
  '.wav',
]

/**
 * Specifiers of files that are no script, also those without an ending, such as LICENSE, and those of
 * the module of globs. Bun forgets the JSX settings of an import that a plugin is asked for.
 */
const FILTER = new RegExp(
  `^bytes:|\\.(?:${[...TEXT_ENDINGS, ...BINARY_ENDINGS, ...OTHER_ENDINGS].map((ending) => ending.slice(1)).join('|')})$|(?:^|/)[A-Z][A-Z0-9_-]*$`,
)

/** A string literal, and the attribute `type` behind it. */
const ATTRIBUTE =
  /(["'])((?:\\.|(?!\1)[^\\\n])*)\1\s*,?\s*(?:\{\s*)?\bwith\s*:?\s*\{\s*["']?type["']?\s*:\s*["'](\w+)["']/g

/** @param resolveAlias the file that a specifier means by the tsconfig.json of its importer */
export function assetPlugin(
  root: string,
  resolveAlias: (specifier: string, importer: string) => string | undefined,
): Bun.BunPlugin {
  const known = new Map<string, Map<string, string>>()
  const typesOf = (importer: string): Map<string, string> => {
    const types = known.get(importer) ?? readTypes(importer)
    known.set(importer, types)
    return types
  }
  return {
    name: 'assets',
    setup(build) {
      build.onResolve({ filter: FILTER }, ({ path, importer }) => {
        if (!importer.startsWith('/')) {
          return path.startsWith('bytes:')
            ? { path: path.slice(6), namespace: NAMESPACE }
            : undefined
        }
        const type = typesOf(importer).get(path)
        const isBinary = BINARY_ENDINGS.includes(extname(path).toLowerCase())
        if (type === undefined ? !isBinary : type !== 'bytes') return undefined
        const file = fileOf(path, importer, resolveAlias)
        // A path that is relative to the root makes the same bundle wherever the project lies.
        return file === undefined ? undefined : { path: relative(root, file), namespace: NAMESPACE }
      })
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => {
        const file = resolve(root, path)
        const { size } = statSync(file)
        if (size > MAX_ASSET_BYTES) {
          throw new Error(
            `${path} has ${size} bytes; an import of bytes may have ${MAX_ASSET_BYTES}`,
          )
        }
        const base64 = readFileSync(file).toString('base64')
        return { contents: `export default Uint8Array.fromBase64("${base64}")\n`, loader: 'js' }
      })
    },
  }
}

/** The attribute `type` of each import of a source, by specifier. */
function readTypes(importer: string): Map<string, string> {
  const types = new Map<string, string>()
  const text = readFileSync(importer, 'utf8')
  if (!/\bwith\b/.test(text)) return types
  for (const [, , specifier = '', type = ''] of text.matchAll(ATTRIBUTE)) {
    if (types.has(specifier) && types.get(specifier) !== type) {
      throw new Error(
        `${importer} imports '${specifier}' as ${types.get(specifier)} and as ${type}: import it in two files`,
      )
    }
    types.set(specifier, type)
  }
  return types
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
