/** Writes what callers change, and what they are refused, to the audit. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { matchedRoutes } from 'hono/route'
import { FunctionError } from '../errors.ts'
import { audited, type OpenEntry } from '../metadata/audit-context.ts'
import type { AuditEntry } from '../metadata/audit-entry.ts'
import type { AuditStore } from '../metadata/audit-store.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { type Caller, callerOf } from './access.ts'

const READS = new Set(['GET', 'HEAD'])
/** Refusals of what only reads. Other errors of a read are no attempt to do something. */
const REFUSALS = new Set(['UNAUTHORIZED', 'FORBIDDEN', 'PROJECT_NOT_FOUND'])
/** Characters of a name from a path that need not be a valid one. */
const MAX_NAME = 100

/** It comes before everything that may refuse a request. */
export function addAudit(app: OpenAPIHono, store: MetadataStore): void {
  let actions: Map<string, string> | undefined
  app.use('/v1/*', async (c, next) => {
    const { method, path } = c.req
    actions ??= actionsOf(app)
    const matched = matchedRoutes(c).map((route) => `${route.method} ${route.path}`)
    const action = matched.map((route) => actions?.get(route)).find((each) => each !== undefined)
    const open = opened(callerOf(c), action ?? `${method} unknown`, path)
    await audited(open, next)
    const { entry } = open
    const reads = READS.has(method)
    if (c.error === undefined && c.res.status < 400) {
      if (!reads && !open.written) store.audit.add(entry)
      return
    }
    const code = c.error instanceof FunctionError ? c.error.code : String(c.res.status)
    const refused = REFUSALS.has(code)
    // What was changed before it failed has its entry.
    if (open.written || (reads && !refused)) return
    store.audit.count({ ...entry, outcome: refused ? 'refused' : 'failed', details: { code } })
  })
}

/** Counts an attempt without a valid token. */
export function auditUnauthenticated(audit: AuditStore, address: string, code: string): void {
  audit.count({
    time: new Date().toISOString(),
    project: null,
    actor: 'nobody',
    address,
    action: 'authenticate',
    object: null,
    outcome: 'refused',
    details: { code },
    count: 1,
  })
}

function opened(caller: Caller, action: string, path: string): OpenEntry {
  const parts = path
    .split('/')
    .slice(2)
    .map((part) => part.slice(0, MAX_NAME))
  const inProject = parts[0] === 'projects' && parts[1] !== undefined
  const rest = inProject ? parts.slice(2) : parts
  const named = inProject ? (parts[1] as string) : undefined
  // A caller must not write into the audit of a project that it may not see.
  const foreign = named !== undefined && caller.project !== undefined && named !== caller.project
  const entry: AuditEntry = {
    time: new Date().toISOString(),
    project: (foreign ? caller.project : named) ?? caller.project ?? null,
    actor: caller.name,
    address: caller.address ?? null,
    action,
    object: (foreign ? named : rest[1]) ?? null,
    outcome: 'done',
    details: {},
    count: 1,
  }
  return { entry, written: false }
}

/** The operation of each route, by its method and the path of the router. */
function actionsOf(app: OpenAPIHono): Map<string, string> {
  const entries = app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== 'route') return []
    const { method, path, operationId } = definition.route
    const routed = path.replace(/\{([^}]+)\}/g, ':$1')
    return operationId === undefined ? [] : [[`${method.toUpperCase()} ${routed}`, operationId]]
  })
  return new Map(entries as [string, string][])
}
