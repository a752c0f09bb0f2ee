/**
 * A bundler plugin that changes sources before they are bundled. It is one plugin, since only the first one
 * that answers for a file is asked.
 */
import { readFileSync } from 'node:fs'
import type { BuildTask } from './task.ts'

/** Returns the text that is bundled; lines and columns should stay as they are. */
export type Transform = (path: string, text: string, loader: Bun.Loader) => string

const SCRIPT_LOADERS: readonly Bun.Loader[] = ['js', 'jsx', 'ts', 'tsx']

export function sourcePlugin(transforms: readonly Transform[]): Bun.BunPlugin {
  return {
    name: 'sources',
    setup(build) {
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, ({ path, loader }) => {
        if (!SCRIPT_LOADERS.includes(loader)) return undefined
        const text = readFileSync(path, 'utf8')
        const contents = transforms.reduce((each, change) => change(path, each, loader), text)
        return contents === text ? undefined : { contents, loader }
      })
    },
  }
}

/**
 * In place of files that cannot be bundled, so that a run of the bundler finds what is wrong with the
 * others. Must stand before the other plugins.
 */
export function standInPlugin({ broken }: BuildTask): Bun.BunPlugin {
  return {
    name: 'stand-ins',
    setup(build) {
      if (broken.length === 0) return
      const names = broken.map((file) => file.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
      const filter = new RegExp(`^(?:${names.join('|')})$`)
      // From a module of this kind any name may be imported.
      build.onLoad({ filter, namespace: 'file' }, () => {
        return { contents: 'module.exports = {}', loader: 'js' }
      })
    },
  }
}

/** Exports that a module lacks, so that what imports them is no further error. */
export function addedExports(names: readonly string[] = []): string {
  const list = names.map((name, index) => {
    const local = `functionsAdded${index}`
    return `var ${local}; export { ${local} as ${JSON.stringify(name)} };`
  })
  return list.length === 0 ? '' : `\n${list.join(' ')}\n`
}
