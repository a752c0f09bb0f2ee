/**
 * The bundler process, whose program is its standard input: reads a task from a file, writes files,
 * and prints failures on standard output.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { stdout } from '../../lib/output.ts'
import { assetPlugin, withTypedSpecifiers } from './asset-plugin.ts'
import { TEXT_ENDINGS } from './asset-types.ts'
import { ownRequires } from './create-require.ts'
import { entryPlugin, isWrapped, WRAPPED_ENTRY } from './entry-plugin.ts'
import { overridesPlugin } from './overrides.ts'
import { nodePlugin } from './plugin.ts'
import { readBundle } from './read-bundle.ts'
import { addedExports, sourcePlugin, standInPlugin, type Transform } from './source-plugin.ts'
import { type BuildFailure, type BuildTask, META_FILE, TASK_FILE, TSCONFIG_FILE } from './task.ts'
import { TsconfigFault, TsconfigReader } from './tsconfig.ts'
import { resolvePath, tsconfigPlugin } from './tsconfig-plugin.ts'

/** Time between two looks whether the command that started this process still runs, ms. */
const ORPHAN_MS = 200

/** The process that waits for the bundle, and the folder that it made for it. */
const [parent, out = ''] = process.argv.slice(2)
// A command that was killed cannot delete the folder.
const endIfOrphan = () => {
  if (process.ppid === Number(parent)) return
  rmSync(dirname(out), { recursive: true, force: true })
  process.exit(1)
}
setInterval(endIfOrphan, ORPHAN_MS).unref()

const task: BuildTask = await Bun.file(join(out, TASK_FILE)).json()
const failures = await buildOrFault(task)
if (failures.length > 0) {
  await stdout.write(JSON.stringify(failures))
  process.exitCode = 1
}
// It may have written the folder anew.
endIfOrphan()

async function buildOrFault(task: BuildTask): Promise<BuildFailure[]> {
  try {
    return await build(task)
  } catch (error) {
    if (error instanceof TsconfigFault) return [await faultOf(error)]
    throw error
  }
}

async function build(task: BuildTask): Promise<BuildFailure[]> {
  const reader = new TsconfigReader(task.root)
  const compilerOptions = reader.of(task.entry)?.options ?? {}
  reader.checkAbove(dirname(task.entry))
  // Names in the bundle are relative to this directory, so the same project gives the same bundle
  // anywhere.
  process.chdir(task.root)
  const tsconfig = join(task.out, TSCONFIG_FILE)
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions }))
  let fault: TsconfigFault | undefined
  const tsconfigs = tsconfigPlugin(reader, compilerOptions, (found) => {
    fault ??= found
  })
  const assets = assetPlugin(task.root, (specifier, importer) => {
    const config = reader.of(importer)
    return config && resolvePath(config, specifier, importer)
  })
  const withAddedExports: Transform = (path, text) =>
    text + addedExports(task.addedExports[relative(task.root, path)])
  const plugins = [
    standInPlugin(task),
    overridesPlugin(task.overrides),
    assets,
    tsconfigs.plugin,
    // The names of createRequire come first: a text may be changed once only.
    sourcePlugin([
      ownRequires(task.requireIn),
      withTypedSpecifiers,
      withAddedExports,
      tsconfigs.transform,
    ]),
    entryPlugin(task),
  ]
  const quickjs = task.runtime === 'quickjs-ng'
  const options: Bun.BuildConfig & { macros: boolean } = {
    entrypoints: [isWrapped(task) ? WRAPPED_ENTRY : task.entry],
    outdir: task.out,
    naming: { entry: 'bundle.[ext]' },
    format: 'esm',
    sourcemap: 'external',
    metafile: true,
    env: 'disable',
    // A macro is tenant code and would run in this process.
    macros: false,
    throw: false,
    // In place of every tsconfig.json on the disk: Bun follows few forms of "extends".
    tsconfig,
    define: { 'process.env.NODE_ENV': '"production"', ...task.define },
    loader: Object.fromEntries(TEXT_ENDINGS.map((ending) => [ending, 'text'])),
    ...(quickjs
      ? {
          target: 'browser',
          conditions: ['workerd', 'worker', 'edge-light'],
          external: ['fn:*'],
          plugins: [...plugins, nodePlugin(task)],
        }
      : { target: 'bun', plugins }),
  }
  const result = await Bun.build(options)
  if (fault !== undefined) throw fault
  if (!result.success) return describe(result.logs)
  const { metafile } = result
  const read = await readBundle(task, result)
  await Bun.write(join(task.out, META_FILE), JSON.stringify({ ...metafile, ...read }))
  return []
}

/** Failures that are reported; a broken source may have thousands. */
const MAX_FAILURES = 100

function describe(logs: (BuildMessage | ResolveMessage)[]): BuildFailure[] {
  const errors = logs.filter(({ level }) => level === 'error')
  const found = (errors.length > 0 ? errors : logs).slice(0, MAX_FAILURES).map((log) => {
    const { message, position } = log
    return {
      message,
      ...('specifier' in log && { specifier: log.specifier.replace(/^as-\w+:/, '') }),
      ...(position && { file: position.file, line: position.line, column: position.column }),
    }
  })
  return found.length > 0 ? found : [{ message: 'The bundler failed without a message.' }]
}

/** The failure with its place, which Bun's parser of JSON does not give. */
async function faultOf({ message, file, text, at }: TsconfigFault): Promise<BuildFailure> {
  const failure = { message: `${message}.`, file }
  if (text === undefined) return failure
  if (at !== undefined) return { ...failure, ...placeOf(text, at) }
  const name = 'tsconfig.jsonc'
  const { logs } = await Bun.build({ entrypoints: [name], files: { [name]: text }, throw: false })
  const { position, message: why } = logs[0] ?? {}
  return {
    message: `It is not valid JSON: ${why ?? message}.`,
    file,
    ...(position && { line: position.line, column: position.column }),
  }
}

/** Where a JSON string stands in a text, after `extends` if it stands there. */
function placeOf(text: string, value: string): { line: number; column: number } {
  const from = Math.max(0, text.search(/["']extends["']\s*:/))
  const found = text.indexOf(JSON.stringify(value), value === 'extends' ? 0 : from)
  const before = text.slice(0, Math.max(0, found))
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') }
}
