/** Finds the native programs: at the configured path, beside the executable, or inside it. */
import { constants } from 'node:fs'
import { access, chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { FunctionError } from '../errors.ts'
import { unusable } from '../lib/storage.ts'

export type ProgramName = 'quickjs-worker' | 'functions-launcher'

export interface BinaryOptions {
  dataDir: string
  /** This executable. */
  executablePath: string
  /** `worker.quickjs_path`, `worker.launcher_path`. */
  configured: Partial<Record<ProgramName, string>>
  /** The embedded programs, by name: paths that `Bun.file` can read. */
  embedded: Readonly<Record<ProgramName, string>>
}

/** The setting that replaces each program. */
const KEYS: Readonly<Record<ProgramName, string>> = {
  'quickjs-worker': 'worker.quickjs_path',
  'functions-launcher': 'worker.launcher_path',
}

/** Bun shows the files embedded in an executable below this directory. */
const INSIDE = '/$bunfs/'

/**
 * Returns the path of an executable program.
 *
 * @throws {FunctionError} CONFIG_INVALID if the configured program cannot be executed,
 * STORAGE_UNUSABLE if the embedded program cannot be unpacked
 */
export async function findBinary(name: ProgramName, options: BinaryOptions): Promise<string> {
  const other = await findOtherBinary(name, options)
  if (other !== undefined) return other
  const inside = options.embedded[name]
  return inside.startsWith(INSIDE) ? await unpack(name, inside, options.dataDir) : resolve(inside)
}

/**
 * The path of a program that is used in place of the embedded one; undefined if there is none.
 *
 * @throws {FunctionError} CONFIG_INVALID if the configured program cannot be executed
 */
export async function findOtherBinary(
  name: ProgramName,
  options: BinaryOptions,
): Promise<string | undefined> {
  const configured = options.configured[name]
  if (configured !== undefined) {
    if (await executable(configured)) return resolve(configured)
    throw new FunctionError(
      'CONFIG_INVALID',
      `${configured} is configured as ${name} but is not a file that this user can execute: check ${KEYS[name]} and the permissions of the file.`,
    )
  }
  const beside = join(dirname(options.executablePath), name)
  return (await executable(beside)) ? beside : undefined
}

async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Unpacks once. The path contains a hash, so that releases do not overwrite each other's programs. */
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
    // The unprivileged user of workers executes it too, through a descriptor: the directory stays
    // private.
    await chmod(temporary, 0o755)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw unusable(path, cause, { neededBytes: bytes.length })
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
