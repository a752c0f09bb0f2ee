/**
 * A bundler plugin for a bundle that needs more than the tenant's entry: globals to define, and files
 * that an `import()` may load.
 */
import { extname, relative } from 'node:path'
import { BINARY_ENDINGS } from './asset-types.ts'
import type { BuildTask } from './task.ts'
import { GLOB_LOADERS } from './task.ts'

export const WRAPPED_ENTRY = 'functions:entry'
const NAMESPACE = 'functions'

/** Whether the bundle must begin with the virtual entry. */
export function isWrapped({ globals, globs }: BuildTask): boolean {
  return Object.keys(globals).length > 0 || globs.length > 0
}

export function entryPlugin(task: BuildTask): Bun.BunPlugin {
  return {
    name: 'entry',
    setup(build) {
      build.onResolve({ filter: /^functions:(?:entry|globs)$/ }, ({ path, importer }) =>
        importer.startsWith('/') ? undefined : { path: path.slice(10), namespace: NAMESPACE },
      )
      build.onLoad({ filter: /^(?:entry|globs)$/, namespace: NAMESPACE }, ({ path }) => {
        return { contents: path === 'entry' ? entryOf(task) : globsOf(task), loader: 'js' }
      })
    },
  }
}

/** What the tenant's entry needs is loaded before it. */
function entryOf({ entry, exports, globals, globs }: BuildTask): string {
  const names = exports.map((name) => (/^[\w$]+$/.test(name) ? name : JSON.stringify(name)))
  return [
    ...(Object.keys(globals).length > 0 ? ["import 'functions:globals'"] : []),
    ...(globs.length > 0 ? ["import 'functions:globs'"] : []),
    `export { ${names.join(', ')} } from ${JSON.stringify(entry)}`,
    '',
  ].join('\n')
}

/** The bundle declares the variable. */
function globsOf({ globs, root }: BuildTask): string {
  const loaders = globs.map(({ file, type }) => {
    const embedded = type ?? (isBinary(file) ? 'bytes' : undefined)
    if (embedded === 'bytes' || embedded === 'text') {
      return `  () => import(${JSON.stringify(`as-${embedded}:${relative(root, file)}`)}),\n`
    }
    const options = type === undefined ? '' : `, { with: { type: ${JSON.stringify(type)} } }`
    return `  () => import(${JSON.stringify(file)}${options}),\n`
  })
  return `${GLOB_LOADERS} = [\n${loaders.join('')}]\n`
}

function isBinary(file: string): boolean {
  return BINARY_ENDINGS.includes(extname(file).toLowerCase())
}
