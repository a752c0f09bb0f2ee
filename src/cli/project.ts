/** The commands for projects, the tenants of a service. */
import { z } from 'zod'
import { type ProjectDocument, projectDocumentSchema } from '../admin/project-routes.ts'
import { checked, projectNameSchema } from '../admin/settings.ts'
import type { Command } from './command.ts'
import { readProfile } from './deploy-profile.ts'
import { printable } from './errors.ts'
import { indented, limitLines, limitOptions, limitsOfFlags } from './limits.ts'
import { changeApi, readApi } from './offline.ts'
import { projectPath } from './paths.ts'
import { shortTime, table } from './table.ts'

const PROFILE = {
  flags: '--profile <profile>',
  help: 'what its functions may do at most, and do by default: strict, permissive, the path of a JSON file, or none for no ceiling',
}

export const projectCreate: Command = {
  name: 'project create',
  args: '<name>',
  summary: 'Create a project',
  examples: [
    'project create shop',
    'project create trusted --profile permissive',
    'project create small --rps 20 --concurrent 10 --functions 5',
  ],
  options: [{ ...PROFILE, help: `${PROFILE.help} (default: strict)` }, ...limitOptions('project')],
  async run({ loaded, print }, [given = ''], options) {
    const name = nameOf(given)
    const limits = limitsOfFlags('project', options)
    const body = { name, limits, ...profileOf(options.profile, name) }
    const document = await changeApi(
      loaded,
      (client) => client.send(projectDocumentSchema, 'POST', '/v1/projects', body),
      { creates: true },
    )
    await print(document, () => `${name}: created, ${ceiling(document)}\n`)
  },
}

export const projectList: Command = {
  name: 'project list',
  summary: 'List the projects',
  examples: ['project list', 'project list --json'],
  async run({ loaded, print }) {
    const rows = await readApi(loaded, (client) =>
      client.pages(projectDocumentSchema, '/v1/projects'),
    )
    await print(rows, () =>
      table(
        ['NAME', 'STATE', 'PROFILE', 'CREATED'],
        rows.map((row) => [row.name, row.state, row.profile ?? 'any', shortTime(row.createdAt)]),
      ),
    )
  },
}

export const projectShow: Command = {
  name: 'project show',
  args: '<name>',
  summary: 'Show a project',
  examples: ['project show shop', 'project show shop --json'],
  async run({ loaded, print }, [given = '']) {
    const path = projectPath(nameOf(given))
    const document = await readApi(loaded, (client) => client.request(projectDocumentSchema, path))
    await print(document, () => {
      const fields: [string, unknown][] = [
        ['name', document.name],
        ['state', document.state],
        ['profile', document.profile ?? 'any'],
        ...Object.entries(document.capabilities ?? {}),
        ...limitLines(document.limitsInForce),
        ['created', shortTime(document.createdAt)],
        ['updated', shortTime(document.updatedAt)],
      ]
      return fields.map(([key, value]) => `${key.padEnd(20)} ${text(value)}\n`).join('')
    })
  },
}

export const projectSet: Command = {
  name: 'project set',
  args: '<name>',
  summary: 'Change a project: what is not given stays',
  examples: [
    'project set shop --profile ./shop.json',
    'project set shop --profile none',
    'project set shop --rps 200 --burst 500 --cpu-per-day 2h --functions 50',
    'project set shop --cpu-per-day none',
  ],
  options: [PROFILE, ...limitOptions('project')],
  async run({ loaded, print }, [given = ''], options) {
    const name = nameOf(given)
    const limits = limitsOfFlags('project', options)
    const document = await change(loaded, name, { limits, ...profileOf(options.profile, name) })
    await print(document, () => {
      return `${name}: ${ceiling(document)}\n${indented(limitLines(document.limitsInForce))}`
    })
  },
}

export const projectSuspend: Command = {
  name: 'project suspend',
  args: '<name>',
  summary: 'Answer requests to the functions of a project with 403; those in flight finish',
  examples: ['project suspend shop'],
  async run({ loaded, print }, [given = '']) {
    const document = await change(loaded, nameOf(given), { state: 'suspended' })
    await print(document, () => `${document.name}: suspended\n`)
  },
}

export const projectResume: Command = {
  name: 'project resume',
  args: '<name>',
  summary: 'Serve the functions of a suspended project again',
  examples: ['project resume shop'],
  async run({ loaded, print }, [given = '']) {
    const document = await change(loaded, nameOf(given), { state: 'active' })
    await print(document, () => `${document.name}: active\n`)
  },
}

export const projectDelete: Command = {
  name: 'project delete',
  args: '<name>',
  summary: 'Delete a project that has no functions, or all of it',
  examples: ['project delete shop', 'project delete shop --with-functions'],
  options: [{ flags: '--with-functions', help: 'delete its functions too' }],
  async run({ loaded, print }, [given = ''], { withFunctions }) {
    const name = nameOf(given)
    const path = `${projectPath(name)}${withFunctions === true ? '?functions=true' : ''}`
    await changeApi(loaded, (client) => client.request(z.undefined(), path, { method: 'DELETE' }))
    await print({ project: name, deleted: true }, () => `${name}: deleted\n`)
  },
}

function change(loaded: Parameters<typeof changeApi>[0], name: string, body: object) {
  return changeApi(loaded, (client) =>
    client.send(projectDocumentSchema, 'PATCH', projectPath(name), body),
  )
}

function nameOf(given: string): string {
  return checked(projectNameSchema, given, 'name')
}

/** @param value of the flag: `none` is no ceiling; undefined, what the service chooses or has */
function profileOf(value: unknown, project: string) {
  return value === 'none' ? { profile: null } : readProfile(value, project)
}

function ceiling({ profile }: ProjectDocument): string {
  return profile === null ? 'any profile' : `${profile} profile at most`
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}
