/**
 * Which key encrypts secrets. The database has the fingerprints alone; the key comes from a file, or
 * from the environment.
 *
 * A rotation writes the next key beside the file, changes the database in one transaction, and then
 * renames the file. Whichever of the two keys the database names after a crash is one of these files.
 */
import { and, asc, eq, sql } from 'drizzle-orm'
import { FunctionError } from '../errors.ts'
import { KeyFile } from '../secrets/key-file.ts'
import { SecretKey } from '../secrets/secret-key.ts'
import type { Storage, Tx } from './change.ts'
import { envVariables, secretKeys } from './schema.ts'

/** Where the key comes from. */
export interface KeySource {
  file: string
  /** FUNCTIONS_SECRET_KEY, which goes before the file. */
  given: string | undefined
}

/** What a rotation did. */
export interface Rotation {
  /** Fingerprint of the new key. */
  keyId: string
  /** Secrets that were encrypted again, in all revisions. */
  secrets: number
  /** Secrets that no key that is there can decrypt: they were left as they are. */
  unreadable: number
}

/** Rows of one query. */
const ROWS_AT_ONCE = 500
/** A key that was not there is looked for again after this time, ms. */
const RETRY_MS = 1000

export class SecretKeyStore {
  readonly #storage: Storage
  readonly #file: KeyFile
  readonly #given: string | undefined
  #current: SecretKey | undefined
  #failure: { error: FunctionError; at: number } | undefined

  constructor(storage: Storage, { file, given }: KeySource) {
    this.#storage = storage
    this.#file = new KeyFile(file)
    this.#given = given
  }

  /**
   * The key that encrypts secrets.
   *
   * @throws {FunctionError} SECRETS_UNAVAILABLE if it is not there, for the operator
   */
  current(): SecretKey {
    const id = this.#currentId()
    // Another process may have rotated the key: the service that took over from this one.
    if (this.#current !== undefined && this.#current.id === id) return this.#current
    const now = performance.now()
    if (this.#failure !== undefined && now - this.#failure.at < RETRY_MS) throw this.#failure.error
    try {
      this.#current = this.#load(id)
      return this.#current
    } catch (error) {
      this.#failure = { error: error as FunctionError, at: now }
      throw error
    }
  }

  /**
   * As `current`, but makes the first key.
   *
   * @throws {FunctionError} SECRETS_UNAVAILABLE; STORAGE_UNUSABLE if the file cannot be written
   */
  obtain(): SecretKey {
    if (this.#currentId() !== undefined) return this.current()
    const key = this.#read() ?? this.#create()
    this.#storage.change((tx) => {
      insertKey(tx, key)
    })
    this.#current = key
    return key
  }

  /** Completes or undoes a rotation that was interrupted. The caller holds the lock of the data directory. */
  repair(): void {
    if (this.#given !== undefined) return
    try {
      const id = this.#currentId()
      if (id !== undefined && this.#file.readNext()?.id === id) this.#file.promoteNext()
      if (id === undefined || this.#file.read()?.id === id) this.#file.discardNext()
      else return
    } catch {
      // `current` will say what is wrong.
      return
    }
    const { db } = this.#storage
    db.delete(secretKeys).where(eq(secretKeys.state, 'previous')).run()
  }

  /**
   * Makes a new key and encrypts every secret again with it.
   *
   * @param discardLost also if the key is not there: what it encrypted stays unreadable
   * @throws {FunctionError} SECRETS_UNAVAILABLE; STORAGE_UNUSABLE; CONFLICT if the key is given by the environment
   */
  rotate(discardLost: boolean): Rotation {
    if (this.#given !== undefined) {
      const message = `The key comes from FUNCTIONS_SECRET_KEY, which the service cannot change. Write its value to ${this.#file.path} (mode 0600), start the service without the variable, then rotate the key.`
      throw new FunctionError('CONFLICT', message)
    }
    const before = this.#forRotation(discardLost)
    const next = SecretKey.generate()
    this.#file.stage(next)
    const counts = this.#storage.change((tx) => {
      tx.update(secretKeys).set({ state: 'previous' }).run()
      insertKey(tx, next)
      return encryptAgain(tx, before, next)
    })
    if (before === undefined) this.#file.setAside()
    this.#file.promoteNext()
    this.#current = next
    this.#failure = undefined
    this.#storage.db.delete(secretKeys).where(eq(secretKeys.state, 'previous')).run()
    return { keyId: next.id, ...counts }
  }

  #forRotation(discardLost: boolean): SecretKey | undefined {
    try {
      return this.obtain()
    } catch (error) {
      if (discardLost) return undefined
      throw error
    }
  }

  #currentId(): string | undefined {
    const { db } = this.#storage
    return db.select().from(secretKeys).where(eq(secretKeys.state, 'current')).get()?.id
  }

  #load(id: string | undefined): SecretKey {
    const where = this.#given === undefined ? this.#file.path : 'FUNCTIONS_SECRET_KEY'
    let key: SecretKey | undefined
    try {
      key = this.#read()
    } catch (cause) {
      throw lost((cause as Error).message.replace(/\.$/, ''), this.#file.path, cause)
    }
    if (key === undefined) throw lost(`the key file ${where} is missing`, this.#file.path)
    if (key.id !== id) throw lost(`${where} has another key (${key.id})`, this.#file.path)
    return key
  }

  #read(): SecretKey | undefined {
    if (this.#given === undefined) return this.#file.read()
    const key = SecretKey.parse(this.#given)
    if (key !== undefined) return key
    const message = 'FUNCTIONS_SECRET_KEY is not a key: it must be the base64 of 32 bytes.'
    throw new FunctionError('SECRETS_UNAVAILABLE', message)
  }

  #create(): SecretKey {
    const key = SecretKey.generate()
    this.#file.create(key)
    return key
  }
}

function lost(why: string, file: string, cause?: unknown): FunctionError {
  const message = `The secrets cannot be decrypted: ${why}. Put the key back into ${file} or FUNCTIONS_SECRET_KEY. If it is lost, run 'functions secret rotate-key --discard-lost' and set the secrets again.`
  return new FunctionError('SECRETS_UNAVAILABLE', message, { cause })
}

function insertKey(tx: Tx, { id }: SecretKey): void {
  const createdAt = new Date().toISOString()
  tx.insert(secretKeys).values({ id, state: 'current', createdAt }).run()
}

/** @param before undefined if it is lost */
function encryptAgain(
  tx: Tx,
  before: SecretKey | undefined,
  next: SecretKey,
): { secrets: number; unreadable: number } {
  let secrets = 0
  let unreadable = 0
  const { functionId, revision, name } = envVariables
  let last = { functionId: '', revision: 0, name: '' }
  for (;;) {
    const rows = tx
      .select()
      .from(envVariables)
      .where(
        and(
          eq(envVariables.kind, 'secret'),
          sql`(${functionId}, ${revision}, ${name}) > (${last.functionId}, ${last.revision}, ${last.name})`,
        ),
      )
      .orderBy(asc(functionId), asc(revision), asc(name))
      .limit(ROWS_AT_ONCE)
      .all()
    for (const row of rows) {
      const value = row.keyId === before?.id ? before?.open(row.value, row) : undefined
      if (value === undefined) {
        unreadable++
        continue
      }
      tx.update(envVariables)
        .set({ value: next.seal(value, row), keyId: next.id })
        .where(and(eq(functionId, row.functionId), eq(revision, row.revision), eq(name, row.name)))
        .run()
      secrets++
    }
    const end = rows.at(-1)
    if (end === undefined) return { secrets, unreadable }
    last = end
  }
}
