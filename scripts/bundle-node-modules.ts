/**
 * Makes .build/node-modules.pack: the sources of Node's modules for quickjs-ng functions, each with
 * what it takes from npm, by file name. What several of them need is a part of its own, so that a
 * bundle that imports two has it once.
 */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { BunPlugin } from 'bun'

const folder = join(import.meta.dir, '../guest/node')
const entries = readdirSync(folder).filter((name) => /(?<!\.d)\.[jt]s$/.test(name))

/** Where the library keeps its own queue of ticks. */
const QUEUED =
  /queue\.push\(new Item\(fun, args\)\);\s+if \(queue\.length === 1 && !draining\)\s+setTimeout\(drainQueue, 0\);/

/**
 * A tick is a microtask of whoever asks for it: the library's one queue for all is emptied by a timer of
 * whoever came first, and stays full for ever where that request is over before the timer's time.
 */
const ticks: BunPlugin = {
  name: 'ticks',
  setup(build) {
    build.onLoad(
      { filter: /[/]@jspm[/]core[/]nodelibs[/]browser[/][^/]+\.js$/ },
      async ({ path }) => {
        const text = await Bun.file(path).text()
        return {
          contents: text.replace(QUEUED, 'queueMicrotask(() => fun(...args));'),
          loader: 'js',
        }
      },
    )
  },
}

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
  plugins: [ticks],
  minify: { syntax: true, whitespace: true, identifiers: false },
})
const sources: Record<string, string> = {}
for (const output of result.outputs) {
  sources[relative(join(process.cwd(), '.build/node-modules'), output.path)] = await output.text()
}
if (Object.values(sources).some((source) => /setTimeout\(drain\w*, *0\)/.test(source))) {
  throw new Error("node-modules: the library's nextTick is not where it was")
}
await Bun.write('.build/node-modules.pack', JSON.stringify(sources))
