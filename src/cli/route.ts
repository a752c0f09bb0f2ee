/** The commands for routes: hosts and path prefixes that lead to functions. */
import { z } from 'zod'
import { placeOf, type RouteDocument, routeDocumentSchema } from '../admin/host-routes.ts'
import { checked, functionNameSchema } from '../admin/settings.ts'
import { FunctionError } from '../errors.ts'
import { type RoutePlace, routeText } from '../metadata/route-store.ts'
import type { Command } from './command.ts'
import { changeApi, readApi } from './offline.ts'
import { projectPath } from './paths.ts'
import { shortTime, table } from './table.ts'

export const routeAdd: Command = {
  name: 'route add',
  args: '<function> <host[/path]>',
  summary: 'Serve a function at a host, or at a path prefix of it',
  examples: [
    'route add shop shop.example.com',
    'route add api shop.example.com/api',
    "route add sites '*.sites.example.com'",
  ],
  async run({ loaded, project, print }, [given = '', where = '']) {
    const name = checked(functionNameSchema, given, 'name')
    const body = { function: name, ...parsePlace(where) }
    const path = `${projectPath(project)}/routes`
    const document = await changeApi(loaded, (client) =>
      client.send(routeDocumentSchema, 'POST', path, body),
    )
    await print(document, () => `${routeText(document)}: leads to ${label(document)}\n`)
  },
}

export const routeList: Command = {
  name: 'route list',
  summary: 'List the routes of a project',
  examples: ['route list', 'route list --project shop --json'],
  async run({ loaded, project, print }) {
    const path = `${projectPath(project)}/routes`
    const rows = await readApi(loaded, (client) => client.pages(routeDocumentSchema, path))
    await print(rows, () =>
      table(
        ['HOST', 'PATH', 'FUNCTION', 'CREATED'],
        rows.map((row) => [row.host, row.path, row.function, shortTime(row.createdAt)]),
      ),
    )
  },
}

export const routeRemove: Command = {
  name: 'route remove',
  args: '<host[/path]>',
  summary: 'Remove a route',
  examples: ['route remove shop.example.com/api'],
  async run({ loaded, project, print }, [where = '']) {
    const place = parsePlace(where)
    const path = `${projectPath(project)}/routes?${new URLSearchParams({ ...place })}`
    await changeApi(loaded, (client) => client.request(z.undefined(), path, { method: 'DELETE' }))
    await print({ project, ...place, removed: true }, () => `${routeText(place)}: removed\n`)
  },
}

/** @throws {FunctionError} BAD_REQUEST */
function parsePlace(text: string): RoutePlace {
  if (text.includes('://')) {
    const message = 'A route has no scheme: write it as example.com or example.com/path.'
    throw new FunctionError('BAD_REQUEST', message)
  }
  const slash = text.indexOf('/')
  if (slash < 0) return placeOf({ host: text, path: '/' })
  return placeOf({ host: text.slice(0, slash), path: text.slice(slash) })
}

function label(document: RouteDocument): string {
  return `function '${document.function}'`
}
