/** A bundler plugin for imports that lead elsewhere than they would by themselves. */
import type { ImportOverride } from './task.ts'

const NAMESPACE = 'functions'

/** Must be the first plugin: the first one that resolves an import decides. */
export function overridesPlugin(overrides: readonly ImportOverride[]): Bun.BunPlugin {
  return {
    name: 'overrides',
    setup(build) {
      if (overrides.length === 0) return
      const byImport = new Map(
        overrides.map((override, index) => [keyOf(override), { ...override, index }]),
      )
      // Bun forgets some settings of an import that a plugin is asked for, so the filter is exact.
      const specifiers = [...new Set(overrides.map(({ specifier }) => specifier))]
      const filter = new RegExp(`^(?:as-\\w+:)?(?:${specifiers.map(escaped).join('|')})$`)
      build.onResolve({ filter }, ({ path, importer }) => {
        const specifier = path.replace(/^as-\w+:/, '')
        const override = byImport.get(keyOf({ specifier, importer }))
        if (override === undefined) return undefined
        return 'file' in override
          ? { path: override.file }
          : { path: `absent:${override.index}`, namespace: NAMESPACE }
      })
      build.onLoad({ filter: /^absent:/, namespace: NAMESPACE }, ({ path }) => {
        const override = overrides[Number(path.slice('absent:'.length))]
        const message = override !== undefined && 'error' in override ? override.error : path
        return { contents: absentModule(message), loader: 'js' }
      })
    },
  }
}

function keyOf({ importer, specifier }: { importer: string; specifier: string }): string {
  return `${importer}\0${specifier}`
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

/**
 * A module that throws whenever it is required. A plain `throw` would do so only once: the bundler's
 * `require` remembers a module before it runs.
 */
function absentModule(message: string): string {
  return `const message = ${JSON.stringify(message)}
Object.defineProperty(module, 'exports', {
  get() { throw Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' }) },
})\n`
}
