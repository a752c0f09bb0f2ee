/** The commands for tokens, and for whom the service takes the caller. */
import { z } from 'zod'
import { checked } from '../admin/settings.ts'
import {
  createdTokenSchema,
  parseScope,
  tokenDocumentSchema,
  tokenNameSchema,
  whoamiSchema,
} from '../admin/token-routes.ts'
import { FunctionError } from '../errors.ts'
import { ROLES } from '../metadata/token-store.ts'
import { RELEASE } from '../release.ts'
import { parseDuration } from '../units.ts'
import type { Command } from './command.ts'
import { limitOptions, limitsOfFlags } from './limits.ts'
import { changeApi, readApi } from './offline.ts'
import { shortTime, table } from './table.ts'

export const tokenCreate: Command = {
  name: 'token create',
  args: '<name>',
  summary: 'Create a token, and show it for the only time',
  examples: [
    'token create ci --role deployer --scope project:shop --expires 90d',
    'token create prometheus --role viewer --scope all',
    'token create partner --role invoker --scope project:shop --rps 10 --burst 50',
  ],
  options: [
    { flags: '--role <role>', help: `what it may do: ${ROLES.join(', ')}` },
    { flags: '--scope <scope>', help: 'where: project:<name>, or all' },
    { flags: '--expires <duration>', help: 'when it ends, such as 30d (default: never)' },
    ...limitOptions('token'),
  ],
  async run({ io, loaded, json, print }, [given = ''], options) {
    const { role, scope, expires } = options
    const body = {
      name: checked(tokenNameSchema, given, 'name'),
      role: readRole(role),
      scope: readScope(scope),
      expiresInSeconds: readExpiry(expires),
      limits: limitsOfFlags('token', options),
    }
    const document = await changeApi(
      loaded,
      (client) => client.send(createdTokenSchema, 'POST', '/v1/tokens', body),
      { creates: true },
    )
    await print(document, () => `${document.token}\n`)
    if (!json) {
      const { name, expiresAt } = document
      const end = expiresAt === null ? 'it does not expire' : `until ${shortTime(expiresAt)}`
      await io.stderr(
        `note: this is the token '${name}' (${document.role}, ${document.scope}, ${end}). It is not shown again.\n`,
      )
    }
  },
}

export const tokenList: Command = {
  name: 'token list',
  summary: 'List the tokens, without their texts',
  examples: ['token list', 'token list --scope project:shop', 'token list --json'],
  options: [{ flags: '--scope <scope>', help: 'only those of project:<name>, or of all projects' }],
  async run({ loaded, print }, _args, { scope }) {
    const path = `/v1/tokens${scopeQuery(scope)}`
    const rows = await readApi(loaded, (client) => client.pages(tokenDocumentSchema, path))
    const time = (at: string | null) => (at === null ? 'never' : shortTime(at))
    await print(rows, () =>
      table(
        ['NAME', 'ROLE', 'SCOPE', 'CREATED', 'EXPIRES', 'LAST USED'],
        rows.map((row) => [
          row.name,
          row.role,
          row.scope,
          shortTime(row.createdAt),
          time(row.expiresAt),
          time(row.lastUsedAt),
        ]),
      ),
    )
  },
}

export const tokenRevoke: Command = {
  name: 'token revoke',
  args: '<name>',
  summary: 'Revoke a token: from now on it is refused',
  examples: ['token revoke ci', 'token revoke ci --scope project:shop'],
  options: [
    { flags: '--scope <scope>', help: 'that of the token, if several have tokens of this name' },
  ],
  async run({ loaded, print }, [given = ''], { scope }) {
    const name = checked(tokenNameSchema, given, 'name')
    const path = `/v1/tokens/${name}${scopeQuery(scope)}`
    await changeApi(loaded, (client) => client.request(z.undefined(), path, { method: 'DELETE' }))
    await print({ name, revoked: true }, () => `${name}: revoked\n`)
  },
}

export const whoami: Command = {
  name: 'whoami',
  summary: 'Print the release of the service, and whom it takes this user for',
  examples: ['whoami', 'whoami --url https://functions.example.com:9443 --token-file ./token'],
  async run({ io, loaded, print }) {
    const document = await readApi(loaded, (client) => client.request(whoamiSchema, '/v1/whoami'))
    const { release, minimumCli, name, role, project, expiresAt } = document
    await print(document, () => {
      const fields: [string, string][] = [
        ['service', release],
        ['minimum command', minimumCli],
        ['name', name],
        ['role', role],
        ['project', project ?? 'all'],
        ['expires', expiresAt === null ? 'never' : shortTime(expiresAt)],
      ]
      return fields.map(([key, value]) => `${key.padEnd(16)} ${value}\n`).join('')
    })
    if (Bun.semver.order(RELEASE, minimumCli) < 0)
      await io.stderr(
        `warning: this command is of release ${RELEASE}, and the service needs ${minimumCli} or newer.\n`,
      )
  },
}

function readRole(role: unknown): string {
  if (typeof role === 'string' && (ROLES as readonly string[]).includes(role)) return role
  const message = `--role must be ${ROLES.slice(0, -1).join(', ')} or ${ROLES.at(-1)}.`
  throw new FunctionError('BAD_REQUEST', message)
}

function readScope(scope: unknown): string {
  if (typeof scope !== 'string')
    throw new FunctionError(
      'BAD_REQUEST',
      '--scope is required: project:<name> for the functions of one project, or all.',
    )
  parseScope(scope)
  return scope
}

function scopeQuery(scope: unknown): string {
  return scope === undefined ? '' : `?scope=${encodeURIComponent(readScope(scope))}`
}

function readExpiry(text: unknown): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(String(text))
  if (ms !== undefined && ms >= 1000) return Math.floor(ms / 1000)
  throw new FunctionError('BAD_REQUEST', '--expires must be a duration such as 30d or 12h.')
}
