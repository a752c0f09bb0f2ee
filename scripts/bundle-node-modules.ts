/**
 * Makes .build/node-modules.pack: the sources of Node's modules for quickjs-ng functions, each with
 * what it takes from npm, by file name. What several of them need is a part of its own, so that a
 * bundle that imports two has it once.
 */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const folder = join(import.meta.dir, '../src/bundles/node')
const entries = readdirSync(folder).filter((name) => /(?<!\.d)\.[jt]s$/.test(name))

const result = await Bun.build({
  entrypoints: entries.sort().map((name) => join(folder, name)),
  outdir: '.build/node-modules',
  format: 'esm',
  target: 'browser',
  splitting: true,
  naming: { entry: '[name].js', chunk: 'part-[hash].js' },
  external: ['node:*', 'fn:*'],
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  conditions: ['production'],
  minify: { syntax: true, whitespace: true, identifiers: false },
})
const sources: Record<string, string> = {}
for (const output of result.outputs) {
  sources[relative(join(process.cwd(), '.build/node-modules'), output.path)] = await output.text()
}
await Bun.write('.build/node-modules.pack', JSON.stringify(sources))
