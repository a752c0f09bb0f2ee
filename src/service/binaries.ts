/** Finds the native programs: where the operator says, beside the executable, or inside it. */
import { constants } from 'node:fs'
import { access, chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { FunctionError } from '../errors.ts'

export type ProgramName = 'quickjs-worker' | 'functions-launcher'

export interface BinaryOptions {
  dataDir: string
  /** Our own executable. */
  executablePath: string
  /** `worker.quickjs_path`, `worker.launcher_path`. */
  configured: Partial<Record<ProgramName, string>>
  /** The ones inside, by name: paths that `Bun.file` can read. */
  embedded: Readonly<Record<ProgramName, string>>
}

/** The settings that replace them. */
const KEYS: Readonly<Record<ProgramName, string>> = {
  'quickjs-worker': 'worker.quickjs_path',
  'functions-launcher': 'worker.launcher_path',
}

/** Bun shows the files embedded in an executable below this directory. */
const INSIDE = '/$bunfs/'

/**
 * The path of a program that can be executed.
 *
 * @throws {FunctionError} CONFIG_INVALID when the configured one cannot be executed,
 * STORAGE_UNUSABLE when the one inside cannot be unpacked
 */
export async function findBinary(name: ProgramName, options: BinaryOptions): Promise<string> {
  const configured = options.configured[name]
  if (configured !== undefined) {
    if (await executable(configured)) return resolve(configured)
    throw new FunctionError(
      'CONFIG_INVALID',
      `${configured} is configured as ${name} but is not a file that this user can execute: check ${KEYS[name]} and the permissions of the file.`,
    )
  }
  const beside = join(dirname(options.executablePath), name)
  if (await executable(beside)) return beside
  const inside = options.embedded[name]
  return inside.startsWith(INSIDE) ? await unpack(name, inside, options.dataDir) : resolve(inside)
}

async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Unpacks once: the path names the content, so that releases do not overwrite each other's. */
async function unpack(name: ProgramName, inside: string, dataDir: string): Promise<string> {
  const bytes = await Bun.file(inside).bytes()
  const hash = new Bun.CryptoHasher('sha256').update(bytes).digest('hex').slice(0, 16)
  const dir = join(dataDir, 'bin', hash)
  const path = join(dir, name)
  if (await complete(path, bytes.length)) return path
  const temporary = `${path}.${process.pid}`
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await writeFile(temporary, bytes)
    // Executed by the unprivileged user of workers too, from a descriptor: the folder stays closed.
    await chmod(temporary, 0o755)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
    const message = `${name} cannot be unpacked to ${path} (${why}): check the permissions of the data directory and the free space.`
    throw new FunctionError('STORAGE_UNUSABLE', message, { cause })
  }
  return path
}

async function complete(path: string, bytes: number): Promise<boolean> {
  try {
    return (await stat(path)).size === bytes && (await executable(path))
  } catch {
    return false
  }
}
