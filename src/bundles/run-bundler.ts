/** Runs the bundler, in a process of its own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import { programSource } from '../lib/program-source.ts' with { type: 'macro' }
import { freeSpace } from '../lib/storage.ts'
import { type BuildFailure, type BuildTask, TASK_FILE } from './bundler/task.ts'

const BUNDLER = programSource('src/bundles/bundler/main.ts')
/** With less free space the bundler fails, and does not say why. */
const TOO_FULL_BYTES = 64 * 1024
const BUILD_TIMEOUT_MS = 120_000
const MAX_OUTPUT_BYTES = 2 ** 20

/** Returns what failed; nothing if it wrote a bundle. */
export async function runBundler(task: BuildTask): Promise<BuildFailure[]> {
  await writeFile(join(task.out, TASK_FILE), JSON.stringify(task))
  const child = Bun.spawn(
    [
      process.execPath,
      // Bun runs a program of its command line (-e) at half the speed of one of its standard input.
      ...['--no-env-file', '--config=/dev/null', '--no-install', 'run', '-'],
      ...[String(process.pid), task.out],
    ],
    {
      // Bun reads the tsconfig.json of the folder where it starts: the bundler goes to the project
      // when it has checked that one. Below /tmp every user could place one.
      cwd: '/',
      env: { BUN_BE_BUN: '1', NODE_ENV: 'production', NO_COLOR: '1' },
      stdin: new Blob([BUNDLER]),
      stdout: 'pipe',
      stderr: 'ignore',
      timeout: BUILD_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
    },
  )
  const stdout = await new Response(child.stdout).text()
  const status = await child.exited
  if (status === 0) return []
  const failures = readFailures(stdout)
  const isPlaced = failures.some(({ file }) => file !== undefined)
  if (!isPlaced && (freeSpace(task.out)?.bytes ?? Infinity) < TOO_FULL_BYTES) {
    throw Object.assign(new Error('the temporary folder is full'), { code: 'ENOSPC' })
  }
  if (failures.length === 0) throw bundlerError(status)
  return failures
}

const failuresSchema = z.array(
  z.object({
    message: z.string(),
    specifier: z.string().optional(),
    file: z.string().optional(),
    line: z.int().optional(),
    column: z.int().optional(),
  }),
)

function readFailures(text: string): BuildFailure[] {
  try {
    return failuresSchema.parse(JSON.parse(text)) as BuildFailure[]
  } catch {
    return []
  }
}

/** The bundler ended without a reason of its own. */
function bundlerError(status: number): FunctionError {
  const limits = `its limits are ${BUILD_TIMEOUT_MS / 1000} s and ${MAX_OUTPUT_BYTES} bytes of output`
  const remedy = 'look for a pipe, a device or a huge file among the files that the project names'
  const why =
    status > 128 ? `was killed; ${limits}: ${remedy}` : `failed with exit status ${status}`
  return new FunctionError('BUNDLE_REFUSED', `The bundle was not built: the bundler ${why}.`)
}
