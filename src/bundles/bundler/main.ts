/**
 * The bundler process: reads a task from standard input, writes files, prints a failure on standard
 * output.
 */
import { join } from 'node:path'
import { stdout } from '../../lib/output.ts'
import { nodePlugin } from './plugin.ts'
import { type BuildFailure, type BuildTask, META_FILE } from './task.ts'

const task: BuildTask = await Bun.stdin.json()
const failure = await build(task)
if (failure !== undefined) {
  await stdout.write(JSON.stringify(failure))
  process.exitCode = 1
}

async function build(task: BuildTask): Promise<BuildFailure | undefined> {
  const quickjs = task.runtime === 'quickjs-ng'
  const wrapped = Object.keys(task.globals).length > 0
  const options: Bun.BuildConfig & { macros: boolean } = {
    entrypoints: [wrapped ? 'functions:entry' : task.entry],
    outdir: task.out,
    naming: { entry: 'bundle.[ext]' },
    format: 'esm',
    sourcemap: 'external',
    metafile: true,
    env: 'disable',
    // A macro is tenant code and would run in this process.
    macros: false,
    throw: false,
    define: { 'process.env.NODE_ENV': '"production"', ...task.define },
    ...(quickjs
      ? {
          target: 'browser',
          // As on edge platforms. Not workerd: packages' code for it imports Cloudflare's modules.
          conditions: ['worker', 'edge-light'],
          external: ['fn:*'],
          plugins: [nodePlugin(task)],
        }
      : { target: 'bun' }),
  }
  const result = await Bun.build(options)
  if (!result.success) {
    return describe(result.logs)
  }
  const outside = await outsideOf(result)
  await Bun.write(join(task.out, META_FILE), JSON.stringify({ ...result.metafile, outside }))
  return undefined
}

/**
 * The imports of the bundle itself. The bundler's list also has imports that nothing needs and that
 * were not followed. Only if there are any, the bundle is searched.
 */
async function outsideOf({ metafile, outputs }: Bun.BuildOutput): Promise<string[]> {
  const all = Object.values(metafile?.inputs ?? {}).flatMap(({ imports }) => imports)
  if (!all.some(({ path, external }) => external && !path.startsWith('fn:'))) {
    return []
  }
  const code = await outputs.find(({ kind }) => kind === 'entry-point')?.text()
  return new Bun.Transpiler({ loader: 'js' }).scanImports(code ?? '').map(({ path }) => path)
}

function describe(logs: (BuildMessage | ResolveMessage)[]): BuildFailure {
  const log = logs.find(({ level }) => level === 'error') ?? logs[0]
  const position = log?.position
  return {
    message: log?.message ?? 'The bundler failed without a message.',
    ...(position && { file: position.file, line: position.line, column: position.column }),
  }
}
