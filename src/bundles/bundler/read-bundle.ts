/** What the bundler's process finds out about a bundle, besides the bundler's own list of imports. */
import { readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import type { GlobalUses } from './analysis.ts'
import { withOwnRequire } from './create-require.ts'
import type { BuildTask } from './task.ts'

export interface BundleFacts extends GlobalUses {
  /** The imports of the bundle itself. The bundler's list also has imports that nothing needs. */
  outside: string[]
  /** By module: the specifiers that it imports only where it handles the failure. */
  handled: Record<string, string[]>
}

type Analysis = typeof import('./analysis.ts')

export async function readBundle(
  task: BuildTask,
  { metafile, outputs }: Bun.BuildOutput,
): Promise<BundleFacts> {
  const inputs = metafile?.inputs ?? {}
  const edges = Object.values(inputs).flatMap(({ imports }) => imports)
  const entry = outputs.find(({ kind }) => kind === 'entry-point')
  const code = async () => (await entry?.text()) ?? ''
  const facts: BundleFacts = { outside: [], handled: {}, harmless: [], messages: [] }
  // Only if there are any, the bundle is searched.
  if (edges.some(({ path, external }) => external && !path.startsWith('fn:'))) {
    const imports = new Bun.Transpiler({ loader: 'js' }).scanImports(await code())
    facts.outside = imports.map(({ path }) => path)
  }
  const missing = new Map(Object.entries(task.missing))
  if (missing.size > 0) {
    const text = await code()
    const isUsed = [...missing.keys()].some((name) => text.includes(name))
    const analysis = isUsed ? await load(task) : undefined
    Object.assign(facts, analysis?.globalUses(text, missing))
  }
  const denied = new Set(task.denied.map((name) => `functions:node:${name}`))
  const isAbsent = (path: string) =>
    /^functions:(?:missing:|absent:|(?:require:)?stub:)/.test(path) ||
    denied.has(path.replace(':require:', ':'))
  if (edges.some(({ path }) => isAbsent(path))) {
    const { handledImports } = await load(task)
    for (const [module, { imports }] of Object.entries(inputs)) {
      if (imports.every(({ kind }) => kind === 'import-statement')) continue
      facts.handled[module] = handledImports(scriptOf(task, resolve(task.root, module)))
    }
  }
  return facts
}

async function load({ analysis }: BuildTask): Promise<Analysis> {
  return await import(URL.createObjectURL(new Blob([analysis], { type: 'text/javascript' })))
}

/** The JavaScript of a source; empty for one that cannot be read or is none. */
function scriptOf({ broken, requireIn }: BuildTask, file: string): string {
  // Bun's transpiler would run a macro, which the bundler refused.
  if (broken.includes(file)) return ''
  const ending = extname(file).replace(/^\.[cm]?/, '')
  if (ending !== 'js' && ending !== 'jsx' && ending !== 'ts' && ending !== 'tsx') return ''
  try {
    const text = readFileSync(file, 'utf8')
    const source = requireIn.includes(file) ? withOwnRequire(text) : text
    if (ending === 'js') return source
    return new Bun.Transpiler({ loader: ending, deadCodeElimination: false }).transformSync(source)
  } catch {
    return ''
  }
}
