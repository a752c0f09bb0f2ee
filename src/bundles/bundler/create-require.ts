/**
 * Bundles `createRequire` of node:module. What it makes from `import.meta.url` is the
 * `require` of the module it is called in, so its calls with a literal are bundled as those of `require`.
 */
import type { Transform } from './source-plugin.ts'

const NAME = '[A-Za-z_$][\\w$]*'
/** The names that node:module gives createRequire in a source: its own, or another. */
const IMPORTED = new RegExp(`\\bcreateRequire\\s+as\\s+(${NAME})`, 'g')

/** @param files absolute paths of the modules that import node:module */
export function ownRequires(files: readonly string[]): Transform {
  return (path, text) => (files.includes(path) ? withOwnRequire(text) : text)
}

/**
 * Renames what a source makes with `createRequire(import.meta.url)` to `require` where it is called, so
 * that the bundler knows it. Lines stay as they are.
 */
export function withOwnRequire(text: string): string {
  const makers = ['createRequire', ...[...text.matchAll(IMPORTED)].map(([, name = '']) => name)]
  const called = makers.map((name) => name.replaceAll('$', '\\$')).join('|')
  const place = '(?:import\\.meta\\.(?:url|filename)|__filename)'
  const made = new RegExp(
    `\\b(?:const|let|var)\\s+(${NAME})(?:\\s*:\\s*[\\w.]+)?\\s*=\\s*(?:${NAME}\\.)?(?:${called})\\(\\s*${place}\\s*\\)`,
    'g',
  )
  const own = new Set([...text.matchAll(made)].map(([, name = '']) => name))
  let result = text
  for (const name of own) {
    const pattern = name.replaceAll('$', '\\$')
    // A declaration of `require` itself would hide the bundler's. It keeps its length.
    if (name === 'require') {
      result = result.replace(made, (all) => all.replace(/\brequire\b/, 'requirE'))
    } else {
      result = result.replace(new RegExp(`(?<![\\w$.#])${pattern}(?=\\s*\\()`, 'g'), 'require')
    }
  }
  const direct = new RegExp(
    `(?<![\\w$.])(?:${NAME}\\.)?(?:${called})\\(\\s*${place}\\s*\\)(?=\\s*\\()`,
    'g',
  )
  return result.replace(direct, 'require')
}
