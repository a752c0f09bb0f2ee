/** A bundler plugin that provides Node's modules to a quickjs-ng function. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseJson } from '../../lib/json.ts'
import { readSmallFile } from '../../lib/small-file.ts'
import { addedExports } from './source-plugin.ts'
import { type BuildTask, type NodeStub, REGEXP_STATICS_MODULE } from './task.ts'

const NAMESPACE = 'functions'
/** `require` of a module gives its default export, as Node's own modules do. */
const REQUIRE = 'require:'
/** The source of a module, around which `node:` adds the members that it lacks. */
const OWN = 'own:'
/** The source of a module's extra members. */
const EXTRA = 'extra:'
/** A module whose functions throw, for packages that import one that is not available. */
const STUB = 'stub:'

/** The text of each file, and under `exports` the names that it exports. */
type NodeSources = Record<string, string> & { exports: Record<string, readonly string[]> }

interface NodePack {
  sourceOf(file: string): string
  exportsOf(file: string): readonly string[]
  /** Does the code that imports the module name one of its extra members? */
  wantsExtra(name: string): boolean
}

export function nodePlugin(task: BuildTask): Bun.BunPlugin {
  const names = [...Object.keys(task.nodeNames), ...Object.keys(task.nodeStubs)]
  const filter = new RegExp(`^(?:(?:node|bun|cloudflare):.*|bun|${names.join('|')})$`)
  /** The files that import a module which has extra members. */
  const importers = new Map<string, Set<string>>(
    Object.keys(task.nodeExtras).map((name) => [name, new Set()]),
  )
  let sources: NodeSources | undefined
  const read = (): NodeSources => {
    sources ??= JSON.parse(readFileSync(task.nodeModules, 'utf8')) as NodeSources
    return sources
  }
  const pack: NodePack = {
    sourceOf(file) {
      const text = read()[file]
      if (typeof text !== 'string') throw new Error(`no source for the module file ${file}`)
      return text
    },
    exportsOf: (file) => read().exports[file] ?? [],
    wantsExtra: (name) => {
      const { members = [], names = members } = task.nodeExtras[name] ?? {}
      return [...(importers.get(name) ?? [])].some((file) => mentions(file, names))
    },
  }
  return {
    name: 'node-modules',
    setup(build) {
      build.onResolve({ filter: /^functions:globals$/ }, ({ path, importer }) =>
        importer.startsWith('/') ? undefined : { path: path.slice(10), namespace: NAMESPACE },
      )
      build.onResolve({ filter }, ({ path, importer, kind }) => {
        const name = path.replace(/^node:/, '')
        if (name === path && isMapped(importer, name)) {
          return undefined
        }
        const form = kind === 'require-call' && !importer.startsWith(REQUIRE) ? REQUIRE : ''
        if (importer.includes('/node_modules/') && Object.hasOwn(task.nodeStubs, name)) {
          return { path: `${form}${STUB}${name}`, namespace: NAMESPACE }
        }
        if (!Object.hasOwn(task.nodeNames, name)) {
          return { path: `missing:${path}`, namespace: NAMESPACE }
        }
        importers.get(name)?.add(importer)
        return { path: `${form}node:${name}`, namespace: NAMESPACE }
      })
      build.onResolve(
        { filter: /^functions:(?:own:.+|extra:.+|stub:.+|absent)$/ },
        ({ path, importer }) =>
          importer.startsWith('/') ? undefined : { path: path.slice(10), namespace: NAMESPACE },
      )
      // Chunks that several of these modules share.
      build.onResolve({ filter: /^\.\/part-[a-z0-9]+\.js$/ }, ({ path, importer }) =>
        importer.startsWith('/')
          ? undefined
          : { path: `part:${path.slice(2)}`, namespace: NAMESPACE },
      )
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, async ({ path, defer }) => {
        // Every importer has to be known.
        if (importers.has(path.replace(/^node:/, ''))) await defer()
        const added = addedExports(task.addedExports[`${NAMESPACE}:${path}`])
        return { contents: contentsOf(task, path, pack) + added, loader: 'js' }
      })
    },
  }
}

/**
 * The source of a virtual module, by kind: globals, Node module, its form for `require`, its extra
 * members, its stub, part, or missing.
 */
function contentsOf(task: BuildTask, path: string, pack: NodePack): string {
  const { sourceOf, exportsOf } = pack
  if (path === 'globals') {
    return globalsOf(task)
  }
  if (path.startsWith('missing:')) {
    // `importFaults` finds it later, with its line.
    return 'module.exports = {}'
  }
  if (path.startsWith(REQUIRE)) {
    const module = path.slice(REQUIRE.length)
    const [kind, name] = module.split(':')
    const source = kind === 'node' ? module : `functions:${module}`
    return `import { __requiredModule } from 'functions:absent'
module.exports = __requiredModule(require('${source}').default, '${name}')`
  }
  if (path === 'absent') {
    return sourceOf('absent.js')
  }
  const [kind, name = ''] = path.split(/:(.*)/s)
  const stub = task.nodeStubs[name]
  if (kind === 'stub' && stub !== undefined) return stubOf(task, name, stub)
  const file = `${task.nodeNames[name]}.js`
  if (kind === 'node') {
    const extra = task.nodeExtras[name]
    const wanted = extra !== undefined && pack.wantsExtra(name)
    const added = wanted ? extra.members : []
    // The file of a module may be the extra members of another one. A bundle has it once.
    if (Object.values(task.nodeExtras).some(({ source }) => `${source}.js` === file)) {
      const source = `'functions:${EXTRA}${task.nodeNames[name]}'`
      return `export * from ${source}\nexport { default } from ${source}`
    }
    const exported = exportsOf(file)
    const lacks = [...(task.nodeLacks[name] ?? []), ...(extra?.members ?? [])].filter(
      (member) => !exported.includes(member) && !added.includes(member),
    )
    const from = wanted ? extra.source : undefined
    if (lacks.length > 0 || wanted) return withMembers(name, lacks, added, from)
  }
  if (kind === 'extra') return sourceOf(`${name}.js`)
  return sourceOf(kind === 'part' ? name : file)
}

/**
 * A module, its extra members, and as functions that throw what Node's has besides.
 *
 * @param from the file of the extra members, if they are wanted
 */
function withMembers(
  name: string,
  lacks: readonly string[],
  added: readonly string[],
  from: string | undefined,
): string {
  const named = lacks.map(
    (member) => `export const ${member} = /* @__PURE__ */ __absentMember('${name}', '${member}')`,
  )
  const list = added.join(', ')
  const extra = `import { ${list} } from 'functions:${EXTRA}${from}'
export { ${list} }
Object.assign(value, { ${list} })`
  return `import { __absentMember, __nodeModule } from 'functions:absent'
import value from 'functions:${OWN}${name}'
export * from 'functions:${OWN}${name}'
${from === undefined ? '' : extra}
${named.join('\n')}
export default __nodeModule(value, '${name}', ${JSON.stringify(lacks)})`
}

/** A module of which only the members are there, as functions that throw. */
function stubOf(task: BuildTask, name: string, { members, values, needs }: NodeStub): string {
  const why = needs === undefined ? '' : `, '${needs}'`
  const hasPromises = Object.hasOwn(task.nodeStubs, `${name}/promises`)
  const names = members.filter((member) => !(hasPromises && member === 'promises'))
  const named = names.map(
    (member) =>
      `export const ${member} = /* @__PURE__ */ __absentMember('${name}', '${member}'${why})`,
  )
  // The text of a table is one token to compile.
  const constants = Object.entries(values).map(([key, value]) => {
    const text = JSON.stringify(value)
    const isTable = typeof value === 'object' && value !== null
    return `export const ${key} = ${isTable ? `/* @__PURE__ */ JSON.parse(${JSON.stringify(text)})` : text}`
  })
  const own = [...Object.keys(values), ...(hasPromises ? ['promises'] : [])]
  return `import { __absentMember, __nodeModule } from 'functions:absent'
${hasPromises ? `import promises from 'functions:${STUB}${name}/promises'\nexport { promises }` : ''}
${[...named, ...constants].join('\n')}
export default __nodeModule({ ${own.join(', ')} }, '${name}', ${JSON.stringify(names)}${why})`
}

/** A file that cannot be read mentions none. */
function mentions(file: string, names: readonly string[]): boolean {
  try {
    const text = readFileSync(file, 'utf8')
    // Not as a string: `win32` is a platform too.
    return names.some((name) => new RegExp(`(?<![\\w$'"\`])${name}(?![\\w$'"\`])`).test(text))
  } catch {
    return false
  }
}

function globalsOf({ globals }: BuildTask): string {
  const statics = Object.values(globals).includes(REGEXP_STATICS_MODULE)
  const names = Object.keys(globals).filter((name) => globals[name] !== REGEXP_STATICS_MODULE)
  const imports = names.map((name) => `import * as of_${name} from 'node:${globals[name]}'`)
  const makes = names.map(
    (name) =>
      `if (!('${name}' in globalThis)) Object.defineProperty(globalThis, '${name}', { value: of_${name}.${name}, writable: true, configurable: true })`,
  )
  const own = statics ? [`import 'functions:${EXTRA}${REGEXP_STATICS_MODULE}'`] : []
  return [...own, ...imports, ...makes, ''].join('\n')
}

/** Whether the importer's package.json replaces a Node module in browsers (field `browser`). */
function isMapped(importer: string, name: string): boolean {
  if (!importer.startsWith('/')) {
    return false
  }
  for (let at = dirname(importer); at !== dirname(at); at = dirname(at)) {
    try {
      const { browser } = parseJson(readSmallFile(join(at, 'package.json'))) as {
        browser?: unknown
      }
      return typeof browser === 'object' && browser !== null && Object.hasOwn(browser, name)
    } catch {
      // No readable package.json here: try the parent directory.
    }
  }
  return false
}
