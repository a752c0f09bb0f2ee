/** The variables of functions, in revisions that never change. */
import { and, asc, eq, gt, inArray, lt, max, ne, notExists, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { FunctionError } from '../errors.ts'
import type { Environment, SecretVariable } from '../secrets/secret-variable.ts'
import type { Storage } from './change.ts'
import { checkAll, checkHeaderValue, checkName, checkValue, parseHosts } from './env-rules.ts'
import { check, parse } from './rows.ts'
import { envRevisions, envVariables, functionDeployments, functions } from './schema.ts'
import type { SecretKeyStore } from './secret-key-store.ts'

export type VariableKind = 'plain' | 'secret'

/** A variable as people see it. */
export interface VariableRecord {
  name: string
  kind: VariableKind
  /** Of a plain variable. */
  value: string | undefined
  /** Of a secret that only requests to these hosts get. */
  hosts: readonly string[] | undefined
  /** ISO 8601, UTC: when it was set. */
  updatedAt: string
}

/** What to do with the variables of a function. */
export interface EnvChange {
  /** Plain ones. */
  set?: Readonly<Record<string, string>> | undefined
  secrets?: readonly { name: string; value: string; hosts?: readonly string[] | undefined }[]
  unset?: readonly { name: string; kind: VariableKind }[]
}

interface NextVariable extends VariableRecord {
  /** Of a secret that cannot be decrypted: the row as it is, which stays. */
  sealed: { text: string; keyId: string | null } | undefined
}

/** A revision that is not stored yet. */
export interface NextRevision {
  functionId: string
  revision: number
  variables: readonly NextVariable[]
}

const kindSchema = z.enum(['plain', 'secret'])
const hostsSchema = z.array(z.string())
/** Deployments below the active one that a rollback can return to, after a change of variables. */
const MAX_DEPLOYMENTS = 100
/** Deployments that one change deletes at most. */
const PRUNED_AT_ONCE = 1000

type Row = typeof envVariables.$inferSelect

export class EnvStore {
  readonly #storage: Storage
  readonly #keys: SecretKeyStore
  readonly #rows: ReturnType<typeof prepareRows>

  constructor(storage: Storage, keys: SecretKeyStore) {
    this.#storage = storage
    this.#keys = keys
    this.#rows = prepareRows(storage)
  }

  /** By name; the values of secrets are left out. */
  list(functionId: string, revision: number): VariableRecord[] {
    return this.#rows.all({ functionId, revision }).map(toRecord)
  }

  /**
   * What a worker of the function gets.
   *
   * @param label what errors call the function
   * @throws {FunctionError} SECRETS_UNAVAILABLE if one of its secrets cannot be decrypted
   */
  environment(label: string, functionId: string, revision: number): Environment {
    const rows = this.#rows.all({ functionId, revision })
    return this.#environment(label, functionId, revision, this.#opened(rows))
  }

  /** As `environment`, of a revision that is about to be stored. */
  environmentOf(label: string, next: NextRevision): Environment {
    return this.#environment(label, next.functionId, next.revision, next.variables)
  }

  /** Whether the revision has secrets that cannot be decrypted. */
  isReadable({ variables }: NextRevision): boolean {
    return variables.every(({ sealed }) => sealed === undefined)
  }

  /**
   * The next revision of a function's variables; undefined if the change changes nothing.
   *
   * @param revision the current one
   * @throws {FunctionError} BAD_REQUEST: which variable is wrong, and why; SECRETS_UNAVAILABLE
   */
  next(functionId: string, revision: number, change: EnvChange): NextRevision | undefined {
    const before = this.#opened(this.#rows.all({ functionId, revision }))
    const next = new Map(before.map((variable) => [variable.name, variable]))
    const updatedAt = new Date().toISOString()
    for (const given of change.unset ?? []) {
      refuseOtherKind(next.get(given.name), given, 'unset')
      if (!next.delete(given.name)) throw notSet(given.name)
    }
    for (const [name, value] of Object.entries(change.set ?? {})) {
      checkName(name)
      checkValue(name, value)
      refuseOtherKind(next.get(name), { name, kind: 'plain' }, 'set')
      setIn(next, { name, kind: 'plain', value, hosts: undefined, updatedAt, sealed: undefined })
    }
    for (const { name, value, hosts: given } of change.secrets ?? []) {
      checkName(name)
      checkValue(name, value)
      const hosts = given === undefined ? undefined : parseHosts(given)
      if (hosts !== undefined) checkHeaderValue(name, value)
      setIn(next, { name, kind: 'secret', value, hosts, updatedAt, sealed: undefined })
    }
    const variables = [...next.values()]
    const same =
      variables.length === before.length && variables.every((each) => before.includes(each))
    if (same) return undefined
    checkAll(variables.map((each) => ({ name: each.name, bytes: bytesOf(each) })))
    // A secret cannot be stored, nor moved to another revision, without the key.
    if (variables.some(({ kind }) => kind === 'secret')) this.#keys.obtain()
    return { functionId, revision: this.#last(functionId) + 1, variables }
  }

  /** Stores a revision. It is a part of the caller's transaction. */
  add({ functionId, revision, variables }: NextRevision): void {
    const { db } = this.#storage
    const createdAt = new Date().toISOString()
    db.insert(envRevisions).values({ functionId, revision, createdAt }).run()
    for (const { name, kind, value, hosts, updatedAt, sealed } of variables) {
      const text = kind === 'plain' ? (value as string) : undefined
      const place = { functionId, revision, name }
      const key = text === undefined && sealed === undefined ? this.#keys.obtain() : undefined
      const row = {
        ...place,
        kind,
        value: text ?? sealed?.text ?? (key?.seal(value as string, place) as string),
        keyId: key?.id ?? sealed?.keyId ?? null,
        hostsJson: hosts === undefined ? null : JSON.stringify(hosts),
        updatedAt,
      }
      db.insert(envVariables).values(row).run()
    }
  }

  /**
   * Deletes deployments far below the active one, and revisions that no rollback returns to. It is a part
   * of the caller's transaction.
   */
  prune(functionId: string): void {
    const { db } = this.#storage
    const old = db
      .select({ id: functionDeployments.id })
      .from(functionDeployments)
      .where(
        and(
          eq(functionDeployments.functionId, functionId),
          eq(functionDeployments.status, 'superseded'),
        ),
      )
      .orderBy(sql`${functionDeployments.id} desc`)
      .limit(PRUNED_AT_ONCE)
      .offset(MAX_DEPLOYMENTS)
      .all()
      .map(({ id }) => id)
    if (old.length > 0) {
      db.delete(functionDeployments).where(inArray(functionDeployments.id, old)).run()
    }
    const used = db
      .select({ one: sql`1` })
      .from(functionDeployments)
      .where(
        and(
          eq(functionDeployments.functionId, functionId),
          ne(functionDeployments.status, 'rolled-back'),
          eq(functionDeployments.envRevision, envRevisions.revision),
        ),
      )
    const unused = db
      .select({ revision: envRevisions.revision })
      .from(envRevisions)
      .where(and(eq(envRevisions.functionId, functionId), notExists(used)))
      .all()
      .map(({ revision }) => revision)
      // A number is never given twice.
      .filter((revision) => revision !== this.#last(functionId))
    if (unused.length === 0) return
    for (const table of [envVariables, envRevisions]) {
      db.delete(table)
        .where(and(eq(table.functionId, functionId), inArray(table.revision, unused)))
        .run()
    }
  }

  /** Names of the variables that differ between two revisions, sorted. */
  difference(functionId: string, one: number, other: number): string[] {
    if (one === other) return []
    const [a, b] = [one, other].map(
      (revision) =>
        new Map(
          this.#opened(this.#rows.all({ functionId, revision })).map((each) => [each.name, each]),
        ),
    ) as [Map<string, NextVariable>, Map<string, NextVariable>]
    const names = new Set([...a.keys(), ...b.keys()])
    return [...names].filter((name) => !isSame(a.get(name), b.get(name))).sort()
  }

  /** Functions whose current variables have a secret that the key did not encrypt, some at most. */
  unreadable(limit: number): { project: string; name: string }[] {
    const { db } = this.#storage
    let keyId = ''
    try {
      keyId = this.#keys.current().id
    } catch {
      // The key is lost, and with it every secret.
    }
    // Two ranges of the index: where all is well, a start does not read the whole table.
    const other = or(lt(envVariables.keyId, keyId), gt(envVariables.keyId, keyId))
    const one = db.select({ name: envVariables.name }).from(envVariables).where(other)
    if (one.limit(1).get() === undefined) return []
    return db
      .selectDistinct({ project: functions.project, name: functions.name })
      .from(functions)
      .innerJoin(
        envVariables,
        and(
          eq(envVariables.functionId, functions.id),
          eq(envVariables.revision, functions.envRevision),
        ),
      )
      .where(other)
      .orderBy(asc(functions.project), asc(functions.name))
      .limit(limit)
      .all()
  }

  #last(functionId: string): number {
    const { db } = this.#storage
    const row = db
      .select({ last: max(envRevisions.revision) })
      .from(envRevisions)
      .where(eq(envRevisions.functionId, functionId))
      .get()
    return row?.last ?? 0
  }

  #opened(rows: readonly Row[]): NextVariable[] {
    const secret = rows.find(({ kind }) => kind === 'secret')
    if (secret === undefined) return rows.map((row) => ({ ...toRecord(row), sealed: undefined }))
    const open = this.#opener()
    return rows.map((row) => {
      const record = toRecord(row)
      if (record.kind === 'plain') return { ...record, sealed: undefined }
      const value = open(row)
      const sealed = value === undefined ? { text: row.value, keyId: row.keyId } : undefined
      return { ...record, value, sealed }
    })
  }

  #opener(): (row: Row) => string | undefined {
    try {
      const key = this.#keys.current()
      return (row) => (row.keyId === key.id ? key.open(row.value, row) : undefined)
    } catch {
      return () => undefined
    }
  }

  #environment(
    label: string,
    functionId: string,
    revision: number,
    variables: readonly NextVariable[],
  ): Environment {
    const secrets = variables
      .filter(({ kind }) => kind === 'secret')
      .map(({ name, value, hosts }): SecretVariable => {
        if (value === undefined) throw this.#locked(label)
        if (hosts === undefined) return { name, value, injection: undefined }
        const placeholder = this.#keys.current().placeholder({ functionId, revision, name })
        return { name, value, injection: { placeholder, hosts } }
      })
    const shown = new Map(
      secrets.map(({ name, value, injection }) => [name, injection?.placeholder ?? value]),
    )
    const env = Object.fromEntries(
      variables.map(({ name, value }) => [name, shown.get(name) ?? (value as string)]),
    )
    return { env, secrets }
  }

  /** Clients of the function see it: it names neither paths nor keys. */
  #locked(label: string): FunctionError {
    let why = 'another key encrypted them'
    let remedy = 'set them again'
    try {
      this.#keys.current()
    } catch {
      why = 'the service does not have their key; its log says what is wrong'
      remedy = 'put the key file (secrets.key_file) or FUNCTIONS_SECRET_KEY back'
    }
    const message = `Function '${label}' has secrets that cannot be decrypted: ${why}. Its operator has to ${remedy}.`
    return new FunctionError('SECRETS_UNAVAILABLE', message, { retryAfter: 10 })
  }
}

function prepareRows({ db }: Storage) {
  return db
    .select()
    .from(envVariables)
    .where(
      and(
        eq(envVariables.functionId, sql.placeholder('functionId')),
        eq(envVariables.revision, sql.placeholder('revision')),
      ),
    )
    .orderBy(asc(envVariables.name))
    .prepare()
}

function toRecord(row: Row): VariableRecord {
  const where = `variable ${row.name} of ${row.functionId}`
  const kind = check(kindSchema, row.kind, where, 'kind')
  const { name, value, hostsJson, updatedAt } = row
  return {
    name,
    kind,
    value: kind === 'plain' ? value : undefined,
    hosts: hostsJson === null ? undefined : parse(hostsSchema, hostsJson, where, 'hosts_json'),
    updatedAt,
  }
}

/** A variable that stays the same keeps its time. */
function setIn(variables: Map<string, NextVariable>, variable: NextVariable): void {
  if (isSame(variables.get(variable.name), variable)) return
  variables.set(variable.name, variable)
}

function isSame(one: NextVariable | undefined, other: NextVariable | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  if (one.kind !== other.kind || !Bun.deepEquals(one.hosts, other.hosts)) return false
  // What cannot be decrypted is the same if both revisions took it over from one.
  if (one.value === undefined || other.value === undefined) return one.updatedAt === other.updatedAt
  return one.value === other.value
}

function bytesOf({ value, sealed }: NextVariable): number {
  return value === undefined ? Buffer.byteLength(sealed?.text ?? '') : Buffer.byteLength(value)
}

function refuseOtherKind(
  found: VariableRecord | undefined,
  { name, kind }: { name: string; kind: VariableKind },
  verb: string,
): void {
  if (found === undefined || found.kind === kind) return
  const message =
    found.kind === 'secret'
      ? `${name} is a secret: use 'functions secret ${verb}', or unset it first.`
      : `${name} is not a secret: use 'functions env ${verb}'.`
  throw new FunctionError('CONFLICT', message)
}

function notSet(name: string): FunctionError {
  return new FunctionError('BAD_REQUEST', `The function has no variable ${name.slice(0, 256)}.`)
}
