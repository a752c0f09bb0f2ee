/** The commands for a function's variables. */
import {
  type EnvChangeDocument,
  envChangeDocumentSchema,
  variableDocumentSchema,
} from '../admin/env-documents.ts'
import { FunctionError } from '../errors.ts'
import { counted } from '../lib/counted.ts'
import { parseEnvFile } from '../lib/env-file.ts'
import { checkName, checkValue } from '../metadata/env-rules.ts'
import type { Command } from './command.ts'
import { changeApi, readApi } from './offline.ts'
import { functionPath } from './paths.ts'
import { shortTime, table } from './table.ts'
import { readText } from './text-input.ts'

/** Bytes of a `.env` file: more than all variables of a function may have. */
const MAX_FILE_BYTES = 4 * 2 ** 20
/** Names that the text of a change has. */
const SHOWN = 20

type Options = Readonly<Record<string, unknown>>

export const CREATE = {
  flags: '--create',
  help: 'create the function if it does not exist: its first deployment gets the variables',
}

export function createQuery({ create }: Options): string {
  return create === true ? '?create=true' : ''
}

export const envList: Command = {
  name: 'env list',
  args: '<function>',
  summary: 'List the variables of a function; the values of secrets are never shown',
  examples: ['env list api', 'env list api --json'],
  async run({ loaded, project, print }, [name = '']) {
    const path = `${functionPath(project, name)}/env`
    const rows = await readApi(loaded, (client) =>
      client.request(variableDocumentSchema.array(), path),
    )
    await print(rows, () =>
      table(
        ['NAME', 'VALUE', 'SET'],
        rows.map(({ name, value, hosts, updatedAt }) => {
          const secret = hosts === undefined ? '(secret)' : `(secret for ${hosts.join(', ')})`
          return [name, value === undefined ? secret : JSON.stringify(value), shortTime(updatedAt)]
        }),
      ),
    )
  },
}

export const envSet: Command = {
  name: 'env set',
  args: '<function> <NAME=value...>',
  summary: 'Set variables of a function; they are live when the command returns',
  examples: ['env set api LOG_LEVEL=debug', "env set api GREETING='good morning' RETRIES=3"],
  options: [CREATE],
  async run({ loaded, project, print }, [name = '', given], options) {
    const set = Object.fromEntries((given as unknown as string[]).map(assignment))
    const document = await change(loaded, project, name, { set }, options)
    await print(document, () => changeText(document))
  },
}

export const envUnset: Command = {
  name: 'env unset',
  args: '<function> <NAME...>',
  summary: 'Remove variables of a function',
  examples: ['env unset api LOG_LEVEL RETRIES'],
  async run({ loaded, project, print }, [name = '', given]) {
    const document = await change(loaded, project, name, { unset: given as unknown as string[] })
    await print(document, () => changeText(document))
  },
}

export const envImport: Command = {
  name: 'env import',
  args: '<function> <file>',
  summary: 'Set the variables of a .env file; those that are not in it stay',
  examples: ['env import api .env', 'env import api - < .env'],
  options: [CREATE],
  async run({ loaded, project, print }, [name = '', file = ''], options) {
    const entries = parseEnvFile(await readText(file, MAX_FILE_BYTES), file)
    for (const { name, value, line } of entries) checkEntry(name, value, file, line)
    const set = Object.fromEntries(entries.map(({ name, value }) => [name, value]))
    const document = await change(loaded, project, name, { set }, options)
    const count = counted(Object.keys(set).length, 'variable')
    await print(document, () => `${file}: ${count}\n${changeText(document)}`)
  },
}

export function changeText({ function: name, revision, changed, live }: EnvChangeDocument): string {
  if (changed.length === 0) return `${name}: nothing changed, revision ${revision}\n`
  const where = live ? 'live now' : 'not live now'
  const rest = changed.length - SHOWN
  const more = rest > 0 ? ` and ${counted(rest, 'other')}` : ''
  return `${name}: changed ${changed.slice(0, SHOWN).join(', ')}${more}, revision ${revision}, ${where}\n`
}

function change(
  loaded: Parameters<typeof changeApi>[0],
  project: string,
  name: string,
  body: object,
  options: Options = {},
): Promise<EnvChangeDocument> {
  const path = `${functionPath(project, name)}/env${createQuery(options)}`
  return changeApi(loaded, (client) => client.send(envChangeDocumentSchema, 'PATCH', path, body), {
    creates: options.create === true,
  })
}

function assignment(text: string): [name: string, value: string] {
  const at = text.indexOf('=')
  if (at < 0) {
    const message = `${JSON.stringify(text.slice(0, 80))} is not an assignment: write NAME=value.`
    throw new FunctionError('BAD_REQUEST', message)
  }
  const name = text.slice(0, at)
  checkName(name)
  return [name, text.slice(at + 1)]
}

/** @throws {FunctionError} BAD_REQUEST with the line */
function checkEntry(name: string, value: string, file: string, line: number): void {
  try {
    checkName(name)
    checkValue(name, value)
  } catch (cause) {
    const message = `${file}:${line}: ${(cause as Error).message}`
    throw new FunctionError('BAD_REQUEST', message, { cause, position: { file, line, column: 1 } })
  }
}
