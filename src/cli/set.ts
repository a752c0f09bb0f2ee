/** Changes what applies to a function whatever its version. */
import { type FunctionDetails, functionDetailsSchema } from '../admin/documents.ts'
import { FunctionError } from '../errors.ts'
import { ACCESS, type Access } from '../metadata/records.ts'
import type { Command } from './command.ts'
import { printable } from './errors.ts'
import { indented, limitLines, limitOptions, limitsOfFlags } from './limits.ts'
import { changeApi } from './offline.ts'
import { functionPath } from './paths.ts'

const USAGE = "'functions set --help' lists the flags."

export const set: Command = {
  name: 'set',
  args: '<function>',
  summary: 'Change a function, whatever its version: what is not given stays',
  examples: [
    'set api --access token',
    'set api --previews on',
    'set api --access public',
    'set api --rps 50 --burst 100 --concurrent 20',
    'set api --cpu-per-hour 60s --burst none',
  ],
  options: [
    {
      flags: '--access <public|token>',
      help: 'token: callers need a token of the role invoker, in Authorization or Functions-Authorization',
    },
    {
      flags: '--previews <on|off>',
      help: 'on: every version can be called under /functions/<name>@<version>',
    },
    ...limitOptions('function'),
  ],
  async run({ loaded, project, print }, [name = ''], options) {
    const path = functionPath(project, name)
    const body = changeOf(options)
    if (Object.keys(body).length === 0) {
      throw new FunctionError('BAD_REQUEST', `Nothing to set was given: ${USAGE}`)
    }
    const document = await changeApi(loaded, (client) =>
      client.send(functionDetailsSchema, 'PATCH', path, body),
    )
    await print(document, () => {
      return `${name}: ${described(document)}\n${indented(limitLines(document.limitsInForce))}`
    })
  },
}

function changeOf(options: Readonly<Record<string, unknown>>) {
  const { access, previews } = options
  const limits = limitsOfFlags('function', options)
  return {
    ...(limits !== undefined && { limits }),
    ...(access !== undefined && { access: accessOf(access) }),
    ...(previews !== undefined && { previews: truthOf('--previews', previews) }),
  }
}

function accessOf(given: unknown): Access {
  const access = ACCESS.find((one) => one === given)
  if (access !== undefined) return access
  const message = `--access must be public or token (got '${printable(String(given))}').`
  throw new FunctionError('BAD_REQUEST', message)
}

function truthOf(flag: string, given: unknown): boolean {
  if (given === 'on' || given === 'off') return given === 'on'
  const message = `${flag} must be on or off (got '${printable(String(given))}').`
  throw new FunctionError('BAD_REQUEST', message)
}

function described({ access, previews }: FunctionDetails): string {
  const callers =
    access === 'token' ? 'callers need a token of the role invoker' : 'anyone may call it'
  return `${callers}, previews ${previews ? 'on' : 'off'}`
}
