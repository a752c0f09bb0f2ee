/** The bundler's own process: one task on standard input, files in its folder, a failure on standard output. */
import { join } from 'node:path'
import { nodePlugin } from './plugin.ts'
import { type BuildFailure, type BuildTask, META_FILE } from './task.ts'

const task: BuildTask = await Bun.stdin.json()
const failure = await build(task)
if (failure !== undefined) {
  await Bun.write(Bun.stdout, JSON.stringify(failure))
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
    // A macro is the tenant's code, and would run here.
    macros: false,
    throw: false,
    define: { 'process.env.NODE_ENV': '"production"', ...task.define },
    ...(quickjs
      ? {
          target: 'browser',
          // As edge platforms do. Not workerd: what packages have for it imports modules of Cloudflare's.
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
  await Bun.write(join(task.out, META_FILE), JSON.stringify(result.metafile))
  return undefined
}

function describe(logs: (BuildMessage | ResolveMessage)[]): BuildFailure {
  const log = logs.find(({ level }) => level === 'error') ?? logs[0]
  const position = log?.position
  return {
    message: log?.message ?? 'the bundler does not say why',
    ...(position && { file: position.file, line: position.line, column: position.column }),
  }
}
