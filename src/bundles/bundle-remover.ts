/**
 * Deletes bundles that no version refers to.
 *
 * Rows and files cannot change in one transaction. So a change first writes an intent that names the
 * directories, then changes the rows, then the directories, and last removes the intent. After a crash
 * at any moment, `recover` finds the intent, and deletes the directories that no row refers to.
 *
 * A backup copies the rows first and then the files. While it runs (`hold`), no bundle is deleted: the
 * intents wait.
 *
 * A folder without a row and without an intent is garbage only if it lacks a manifest: a whole version
 * that the database does not know means that the database is older than the bundles.
 */
import { lstatSync } from 'node:fs'
import { opendir, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { unusable } from '../lib/storage.ts'
import {
  ACTIVE_FILE,
  BUNDLE_FILE,
  BUNDLES,
  bundleOwner,
  isFunctionId,
  makeDirectory,
  OLD_STAGED_PREFIX,
  STAGING,
  syncDirectory,
  writeSynced,
} from './files.ts'
import { INTENT_FILE, intentText, isFunctionDirectory, parseIntent } from './intents.ts'
import { ownManifest } from './version-manifest.ts'

/** Directories that are looked at between two turns of the event loop, which serves requests. */
const AT_ONCE = 100

/** Does the version refer to this bundle? */
type RefersTo = (functionId: string, version: string, bundlePath: string) => boolean

/** Folders of a function that no version refers to. */
export interface Swept {
  /** Deleted, or to be deleted. */
  orphans: number
  /** Kept, because they have a manifest: the database may be older than they are. */
  unknown: number
}

/** A removal whose intent is on the disk. */
export interface PlannedRemoval {
  /** The rows are gone: deletes the directories, now or when no backup needs them. */
  finish(): Promise<void>
  /** Nothing was changed. */
  cancel(): Promise<void>
}

export class BundleRemover {
  readonly #dataDir: string
  readonly #refersTo: RefersTo
  #holds = 0
  /** Intents whose directories are deleted when the last hold ends. */
  #waiting: string[] = []

  constructor(dataDir: string, refersTo: RefersTo) {
    this.#dataDir = dataDir
    this.#refersTo = refersTo
  }

  /**
   * Finishes what a crash interrupted. It reads only intents. The caller must hold the lock of the data
   * directory and must not have begun a change.
   */
  async recover(): Promise<void> {
    const root = join(this.#dataDir, STAGING)
    for (const name of await entries(root)) await this.#execute(join(root, name))
  }

  /** Keeps every bundle until the returned function is called. */
  hold(): () => Promise<void> {
    this.#holds++
    let held = true
    return async () => {
      if (!held) return
      held = false
      if (--this.#holds > 0) return
      const waiting = this.#waiting
      this.#waiting = []
      for (const intent of waiting) await this.#execute(intent)
    }
  }

  /** @param directories relative to the data directory: of versions, or of whole functions */
  async plan(directories: readonly string[]): Promise<PlannedRemoval> {
    const intent = join(this.#dataDir, STAGING, crypto.randomUUID())
    const cancel = () => rm(intent, { recursive: true, force: true })
    try {
      await makeDirectory(intent)
      await writeSynced(join(intent, INTENT_FILE), intentText(directories))
      await syncDirectory(intent)
    } catch (cause) {
      await cancel().catch(() => {})
      throw unusable(intent, cause)
    }
    return { cancel, finish: () => this.#finish(intent) }
  }

  /** The ids of functions that have a directory. */
  async functionIds(): Promise<string[]> {
    return (await entries(join(this.#dataDir, BUNDLES))).filter(isFunctionId)
  }

  /**
   * Deletes the bundles of a function that no version refers to and that have no manifest. No change of
   * the function may run.
   *
   * @param dryRun only counts
   */
  async sweepFunction(functionId: string, dryRun = false): Promise<Swept> {
    const swept: Swept = { orphans: 0, unknown: 0 }
    if (this.#holds > 0) return swept
    const directory = join(BUNDLES, functionId)
    for await (const path of this.#orphansOf(directory)) {
      if ((await ownManifest(this.#dataDir, path)) !== undefined) swept.unknown++
      else {
        swept.orphans++
        if (!dryRun) await this.#remove(path)
      }
    }
    if (!dryRun) await this.#removeEmpty(directory)
    return swept
  }

  async *#orphansOf(directory: string): AsyncGenerator<string> {
    for await (const path of this.#directoriesOf(directory)) {
      if (!this.#isReferred(path)) yield path
    }
  }

  /** Deletes what releases before 0.3 left of interrupted deployments. */
  async sweepOldStaged(): Promise<void> {
    const root = join(this.#dataDir, BUNDLES)
    for (const name of await entries(root)) {
      if (name.startsWith(OLD_STAGED_PREFIX)) {
        await rm(join(root, name), { recursive: true, force: true })
      }
    }
  }

  async #finish(intent: string): Promise<void> {
    if (this.#holds > 0) this.#waiting.push(intent)
    else await this.#execute(intent)
  }

  async #execute(intent: string): Promise<void> {
    const text = await readFile(join(intent, INTENT_FILE), 'utf8').catch(() => '')
    for (const path of parseIntent(text)) {
      if (isFunctionDirectory(path)) {
        // Whatever is held: what has no row now had none when a later hold began, so no backup of that
        // time needs it.
        for await (const orphan of this.#orphansOf(path)) await this.#remove(orphan)
        await this.#removeEmpty(path)
      } else if (!this.#isReferred(path)) {
        await this.#remove(path)
        await this.#removeEmpty(path.slice(0, path.lastIndexOf('/')))
      }
    }
    await rm(intent, { recursive: true, force: true })
  }

  #isReferred(path: string): boolean {
    const owner = bundleOwner(path)
    return (
      owner === undefined ||
      this.#refersTo(owner.functionId, owner.version, join(path, BUNDLE_FILE))
    )
  }

  async #remove(path: string): Promise<void> {
    await rm(join(this.#dataDir, path), { recursive: true, force: true })
  }

  /** Deletes the directory of a function without versions. */
  async #removeEmpty(directory: string): Promise<void> {
    const path = join(this.#dataDir, directory)
    if (!isDirectory(path)) return
    for await (const { name } of await opendir(path)) if (!name.startsWith(ACTIVE_FILE)) return
    for (const name of await entries(path)) await rm(join(path, name), { force: true })
    await rmdir(path).catch(ignoreNotEmpty)
  }

  /** The directories of a function's versions; nothing that a symbolic link leads to. */
  async *#directoriesOf(directory: string): AsyncGenerator<string> {
    const path = join(this.#dataDir, directory)
    if (!isDirectory(path)) return
    let count = 0
    for await (const entry of await opendir(path)) {
      if (++count % AT_ONCE === 0) await new Promise((next) => setImmediate(next))
      if (entry.isDirectory()) yield join(directory, entry.name)
    }
  }
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

async function entries(path: string): Promise<string[]> {
  return await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    throw cause
  })
}

function ignoreNotEmpty(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'ENOTEMPTY' && cause.code !== 'ENOENT') throw cause
}
