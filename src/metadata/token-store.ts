/** Tokens: who may use the management API over TCP, and who may call protected functions. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { and, asc, eq, gt, isNull, lt, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import { noteChange } from './audit-context.ts'
import type { Storage } from './change.ts'
import { check, parseLimits } from './rows.ts'
import { projects, tokens } from './schema.ts'

export const ROLES = ['admin', 'deployer', 'viewer', 'invoker'] as const

export type Role = (typeof ROLES)[number]

export interface TokenRecord {
  id: string
  /** Unique in its scope. */
  name: string
  role: Role
  /** Undefined: all projects. */
  project: string | undefined
  /** ISO 8601, UTC. */
  createdAt: string
  /** Undefined: never. */
  expiresAt: string | undefined
  lastUsedAt: string | undefined
  /** Of an invoker: what its calls may be at most. */
  limits: Readonly<Record<string, number>>
}

export interface NewToken {
  name: string
  role: Role
  project: string | undefined
  expiresAt?: string | undefined
  limits?: Readonly<Record<string, number>>
}

/** Which tokens: those of one project, those that have all projects as their scope (null), or any (undefined). */
export type TokenScope = string | null | undefined

/** What secret scanners and people recognise a token by. */
const PREFIX = 'fn_'
const SECRET_BYTES = 32
/** What follows the name of a project in the table, and the next character. */
const SLASH = '/'
const AFTER_SLASH = '0'
/** Tokens that are remembered. At the limit all are forgotten. */
const MAX_KNOWN = 1000
const HEX_ZEROS = '0'.repeat(64)

const roleSchema = z.enum(ROLES)

/** What is compared with the hash of a token that does not exist, so that it costs the same time. */
const NOBODY: TokenRow = {
  id: '',
  name: '',
  sha256: HEX_ZEROS,
  createdAt: '',
  expiresAt: '',
  role: 'viewer',
  project: null,
  lastUsedAt: null,
  limitsJson: '{}',
}

export class TokenStore {
  readonly #storage: Storage
  /** Uses that are not written yet, by the token's id: at most one for each token. */
  readonly #used = new Map<string, string>()
  /** Valid tokens that were presented, by hash. Others are not remembered: anyone can make them up. */
  readonly #known = new Map<string, TokenRow>()

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /**
   * @returns the token's text, which cannot be read again, and its record
   * @throws {FunctionError} CONFLICT if the name is taken; PROJECT_NOT_FOUND
   */
  create(given: NewToken): { text: string; record: TokenRecord } {
    const { name, role, project, expiresAt, limits = {} } = given
    const text = `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`
    const row: TokenRow = {
      id: Bun.randomUUIDv7(),
      name: storedName(name, project),
      sha256: sha256(text).toString('hex'),
      createdAt: new Date().toISOString(),
      expiresAt: expiresAt ?? null,
      role,
      project: project ?? null,
      lastUsedAt: null,
      limitsJson: JSON.stringify(limits),
    }
    noteChange({
      token: row.name,
      role,
      ...(expiresAt !== undefined && { expiresAt }),
      ...(row.limitsJson !== '{}' && { limits: row.limitsJson }),
    })
    this.#storage.change((tx) => {
      if (project !== undefined) {
        const found = tx.select().from(projects).where(eq(projects.name, project)).get()
        if (found === undefined)
          throw new FunctionError('PROJECT_NOT_FOUND', `Project '${project}' does not exist.`)
      }
      const taken = tx.select().from(tokens).where(eq(tokens.name, row.name)).get()
      if (taken !== undefined)
        throw new FunctionError(
          'CONFLICT',
          `Token '${name}' exists already: choose another name, or revoke it first.`,
        )
      tx.insert(tokens).values(row).run()
    })
    return { text, record: toRecord(row) }
  }

  /**
   * The token with this text, unless it is expired or does not exist (which it does not either once it is revoked). It
   * does the same work in each case.
   *
   * @param text what the client sent; undefined if it sent none
   * @param now ms since 1970
   */
  authenticate(text: string | undefined, now = Date.now()): TokenRecord | undefined {
    const hash = sha256(text ?? '')
    const key = hash.toString('hex')
    const known = this.#known.get(key)
    const row = known ?? this.#read(key) ?? NOBODY
    const record = toRecord(row)
    const same = timingSafeEqual(Buffer.from(row.sha256, 'hex'), hash)
    const expired = record.expiresAt !== undefined && !(now < Date.parse(record.expiresAt))
    const valid = same && !expired
    if (valid && known === undefined) this.#remember(key, row)
    else if (!valid && known !== undefined) this.#known.delete(key)
    return valid ? record : undefined
  }

  /** Reads tokens again: another process has changed them. */
  forgetKnown(): void {
    this.#known.clear()
  }

  /** Revokes all tokens of a project, which must not serve a later project of its name. */
  removeOf(project: string): void {
    this.#storage.change((tx) => tx.delete(tokens).where(eq(tokens.project, project)).run())
    this.#known.clear()
  }

  /** By scope, then by name; beginning after a place of the order. */
  list(scope: TokenScope, { after = '', limit }: { after?: string | undefined; limit: number }) {
    const { db } = this.#storage
    const rows = db
      .select()
      .from(tokens)
      .where(and(gt(tokens.name, after), inScope(scope)))
      .orderBy(asc(tokens.name))
      .limit(limit)
      .all()
    return { records: rows.map(toRecord), last: rows.at(-1)?.name }
  }

  /**
   * Revokes a token: from now on it is one that does not exist.
   *
   * @throws {FunctionError} TOKEN_NOT_FOUND; CONFLICT if several scopes have one of this name
   */
  remove(name: string, scope: TokenScope): TokenRecord {
    return this.#storage.change((tx) => {
      const rows = tx.select().from(tokens).where(named(name, scope)).limit(2).all()
      const [row] = rows
      if (row === undefined)
        throw new FunctionError('TOKEN_NOT_FOUND', `Token '${name}' does not exist.`)
      if (rows.length > 1) {
        const message = `Several tokens have the name '${name}': name the scope of the one to revoke with --scope.`
        throw new FunctionError('CONFLICT', message)
      }
      tx.delete(tokens).where(eq(tokens.id, row.id)).run()
      this.#used.delete(row.id)
      this.#known.clear()
      return toRecord(row)
    })
  }

  /** Remembers that a token was used, until `writeUses`. */
  used(token: TokenRecord, now = Date.now()): void {
    this.#used.set(token.id, new Date(now).toISOString())
  }

  /**
   * Writes when tokens were last used, in one transaction. Its caller decides how often.
   *
   * @throws {FunctionError} STORAGE_UNUSABLE on a full disk; these uses are lost then
   */
  writeUses(): void {
    if (this.#used.size === 0) return
    const uses = [...this.#used]
    this.#used.clear()
    this.#known.clear()
    this.#storage.change((tx) => {
      for (const [id, lastUsedAt] of uses)
        tx.update(tokens).set({ lastUsedAt }).where(eq(tokens.id, id)).run()
    })
  }

  #read(hash: string): TokenRow | undefined {
    return this.#storage.db.select().from(tokens).where(eq(tokens.sha256, hash)).get()
  }

  #remember(hash: string, row: TokenRow): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(hash, row)
  }
}

type TokenRow = typeof tokens.$inferSelect

/**
 * The name in the table, where it is unique: `ci`, or `shop/ci` for a token of a project. So a project neither sees nor
 * blocks the names of another one.
 */
export function storedName(name: string, project: string | undefined): string {
  return project === undefined ? name : `${project}${SLASH}${name}`
}

function inScope(scope: TokenScope) {
  if (scope === undefined) return undefined
  if (scope === null) return isNull(tokens.project)
  return and(gt(tokens.name, `${scope}${SLASH}`), lt(tokens.name, `${scope}${AFTER_SLASH}`))
}

function named(name: string, scope: TokenScope) {
  if (scope !== undefined) return eq(tokens.name, storedName(name, scope ?? undefined))
  return or(eq(tokens.name, name), eq(tokens.name, sql`${tokens.project} || ${SLASH} || ${name}`))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function toRecord(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name.slice(row.name.indexOf(SLASH) + 1),
    role: check(roleSchema, row.role, `token '${row.name}'`, 'role'),
    project: row.project ?? undefined,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt ?? undefined,
    lastUsedAt: row.lastUsedAt ?? undefined,
    limits: parseLimits(row.limitsJson, `token '${row.name}'`),
  }
}
