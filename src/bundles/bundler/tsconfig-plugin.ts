/**
 * A bundler plugin and a transform for what differs between the tsconfig.json files of one project: `paths`, `baseUrl`
 * and the JSX settings are those of the file nearest to each source. The other options are those of
 * the entry, as with tsc; they are given to Bun by `optionsFile`.
 */
import { dirname, resolve } from 'node:path'
import type { Transform } from './source-plugin.ts'
import {
  type CompilerOptions,
  sameJsx,
  type Tsconfig,
  TsconfigFault,
  type TsconfigReader,
} from './tsconfig.ts'

/** What a JSX setting may look like: it is written into a comment. */
const JSX_NAME = /^[\w$@./-]{1,200}$/

/** What may be a relative import in a source: a string literal. */
const RELATIVE = /['"](\.{1,2}\/[^'"\n]{0,4096})['"]/g

/** TypeScript's sources are imported by the name of what they compile to. */
const SOURCE_ENDINGS: Readonly<Record<string, string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/**
 * @param options of the entry
 * @param onFault gets what is wrong with a tsconfig.json; the build fails then
 */
export function tsconfigPlugin(
  reader: TsconfigReader,
  options: CompilerOptions,
  onFault: (fault: TsconfigFault) => void,
): { plugin: Bun.BunPlugin; transform: Transform } {
  const orFault = <T>(read: () => T): T => {
    try {
      return read()
    } catch (error) {
      if (error instanceof TsconfigFault) onFault(error)
      throw error
    }
  }
  const configOf = (file: string): Tsconfig | undefined => orFault(() => reader.of(file))
  /** Bun reads the tsconfig.json of the folders that a source imports from. */
  const checkImports = (file: string, text: string): void => {
    for (const [, path = ''] of text.matchAll(RELATIVE)) {
      // The path may be that of a folder.
      orFault(() => reader.checkAbove(resolve(dirname(file), path)))
    }
  }
  const transform: Transform = (path, text, loader) => {
    if (path.includes('/node_modules/')) return text
    // Not by onResolve, which would make Bun forget the JSX settings of a relative import.
    checkImports(path, text)
    if (loader !== 'tsx' && loader !== 'jsx') return text
    const config = configOf(path)
    if (config === undefined || sameJsx(config.options, options)) return text
    // The file's own comments decide.
    if (/@jsx/.test(text)) return text
    // Bun reads these comments anywhere. At the end they move no line.
    return `${text}\n${jsxComments(config.options)}`
  }
  const plugin: Bun.BunPlugin = {
    name: 'tsconfig',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
        const config = importer.startsWith('/') ? configOf(importer) : undefined
        if (importer.startsWith('/')) orFault(() => reader.checkPackage(path, dirname(importer)))
        const found = config && resolvePath(config, path, importer)
        return found === undefined ? undefined : { path: found }
      })
    },
  }
  return { plugin, transform }
}

/** The file that a specifier means by `paths` or `baseUrl`; undefined if they do not lead to one. */
export function resolvePath({ paths, baseUrl }: Tsconfig, specifier: string, importer: string) {
  for (const candidate of mapped(paths, specifier)) {
    const found = find(candidate, importer)
    if (found !== undefined) return found
  }
  return baseUrl === undefined ? undefined : find(resolve(baseUrl, specifier), importer)
}

/** An exact pattern counts first, then the one with the longest text before its `*`. */
function mapped(paths: Tsconfig['paths'], specifier: string): string[] {
  const exact = paths.find(([pattern]) => pattern === specifier)
  if (exact !== undefined) return exact[1]
  let best: { targets: string[]; star: string; length: number } | undefined
  for (const [pattern, targets] of paths) {
    const [before, after, ...rest] = pattern.split('*')
    if (before === undefined || after === undefined || rest.length > 0) continue
    if (specifier.length < before.length + after.length) continue
    if (!specifier.startsWith(before) || !specifier.endsWith(after)) continue
    if (best !== undefined && best.length >= before.length) continue
    const star = specifier.slice(before.length, specifier.length - after.length)
    best = { targets, star, length: before.length }
  }
  const { targets = [], star = '' } = best ?? {}
  return targets.map((target) => target.replace('*', () => star))
}

function find(path: string, importer: string): string | undefined {
  const ending = /\.[cm]?jsx?$/.exec(path)?.[0] ?? ''
  const sources = SOURCE_ENDINGS[ending]?.map((each) => path.slice(0, -ending.length) + each) ?? []
  for (const candidate of [path, ...sources]) {
    try {
      return Bun.resolveSync(candidate, dirname(importer))
    } catch {
      // Not this one.
    }
  }
  return undefined
}

function jsxComments({ jsx, jsxFactory, jsxFragmentFactory, jsxImportSource }: CompilerOptions) {
  const comment = (name: string, value: unknown) =>
    typeof value === 'string' && JSX_NAME.test(value) ? `/* @${name} ${value} */` : ''
  return jsx === 'react'
    ? `/* @jsxRuntime classic */${comment('jsx', jsxFactory ?? 'React.createElement')}${comment('jsxFrag', jsxFragmentFactory ?? 'React.Fragment')}`
    : `/* @jsxRuntime automatic */${comment('jsxImportSource', jsxImportSource ?? 'react')}`
}
