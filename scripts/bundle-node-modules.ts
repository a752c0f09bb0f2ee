/**
 * Makes .build/node-modules.pack: the sources of Node's modules for quickjs-ng functions, each with
 * the parts of npm packages that it imports, by file name. Code that several modules need is a separate part, so
 * that a bundle that imports two of them contains it once.
 */
import { readdirSync, rmSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import type { BunPlugin } from 'bun'

const folder = join(import.meta.dir, '../guest/node')
const entries = readdirSync(folder).filter((name) => /(?<!\.d)\.[jt]s$/.test(name))

/** The folder of the patched files of @jspm/core. Its other files are used unchanged. */
const patched = join(import.meta.dir, '../.build/jspm-core')
const source = join(import.meta.dir, '../node_modules/@jspm/core')

rmSync(patched, { recursive: true, force: true })
const apply = Bun.spawnSync(
  ['python3', '-B', 'scripts/apply-patches.py', 'guest/quickjs/patches/jspm-core', source, patched],
  { stdout: 'inherit', stderr: 'inherit' },
)
if (apply.exitCode !== 0) process.exit(1)

const patches: BunPlugin = {
  name: 'patches',
  setup(build) {
    build.onLoad(
      { filter: /[/]@jspm[/]core[/]nodelibs[/]browser[/][^/]+\.js$/ },
      async ({ path }) => {
        const file = Bun.file(join(patched, 'nodelibs/browser', basename(path)))
        const contents = await ((await file.exists()) ? file : Bun.file(path)).text()
        return { contents, loader: 'js' }
      },
    )
  },
}

/** What readable-stream requires, and the file of this project that is it. */
const REPLACED: Record<string, string> = {
  'abort-controller': 'internal/abort-controller.js',
  buffer: 'buffer.js',
  events: 'events.js',
  'process/': 'internal/process.js',
  'string_decoder/': 'string_decoder.js',
}

const replaced: BunPlugin = {
  name: 'replaced',
  setup(build) {
    const filter = /^(?:abort-controller|buffer|events|process[/]|string_decoder[/])$/
    build.onResolve({ filter }, ({ path, importer }) =>
      importer.includes('/node_modules/readable-stream/')
        ? { path: join(folder, REPLACED[path] as string) }
        : undefined,
    )
  },
}

/** Functions of node-inspect-extracted that need an engine, and what is in their place. */
const DETAILS: [own: string, ours: string][] = [
  ['getPromiseDetails:()=>[g,void 0]', 'getPromiseDetails:t=>details.promiseDetails(t,g,h)'],
  ['previewEntries:t=>[[],!1]', 'previewEntries:details.previewEntries'],
  ['getProxyDetails:y.getProxyDetails,', 'getProxyDetails:details.proxyDetails,'],
  [
    'isAsyncFunction:t=>"function"==typeof t&&a.toString.call(t).startsWith("async")',
    'isAsyncFunction:details.isAsyncFunction',
  ],
  [
    'isGeneratorFunction:t=>"function"==typeof t&&a.toString.call(t).match(/^(async\\s+)?function *\\*/)',
    'isGeneratorFunction:details.isGeneratorFunction',
  ],
  ['const o=H(e);if(ie(o,"class")', 'const o=details.sourceOf(e);if(ie(o,"class")'],
]

const details: BunPlugin = {
  name: 'details',
  setup(build) {
    build.onLoad(
      { filter: /[/]node-inspect-extracted[/]dist[/]inspect\.js$/ },
      async ({ path }) => {
        let contents = await Bun.file(path).text()
        for (const [own, ours] of DETAILS) {
          if (contents.split(own).length !== 2) {
            throw new Error(
              `node-inspect-extracted has no '${own}'. Adapt scripts/bundle-node-modules.ts.`,
            )
          }
          contents = contents.replace(own, () => ours)
        }
        const file = JSON.stringify(join(folder, 'internal/inspect-details.js'))
        return { contents: `const details = require(${file});\n${contents}`, loader: 'js' }
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
  plugins: [patches, replaced, details],
  minify: { syntax: true, whitespace: false, identifiers: false },
  metafile: true,
})
const sources: Record<string, string> = {}
for (const output of result.outputs) {
  sources[relative(join(process.cwd(), '.build/node-modules'), output.path)] = await output.text()
}
if (Object.values(sources).some((source) => /setTimeout\(drain\w*, *0\)/.test(source))) {
  throw new Error(
    '@jspm/core: its nextTick is not where this script expects it. Adapt scripts/bundle-node-modules.ts.',
  )
}
/** What each file exports by name, so that no stub of a missing member stands in its place. */
const exportsOf = Object.entries(result.metafile?.outputs ?? {}).map(([path, { exports = [] }]) => [
  basename(path),
  exports,
])
await Bun.write(
  '.build/node-modules.pack',
  JSON.stringify({ ...sources, exports: Object.fromEntries(exportsOf) }),
)
