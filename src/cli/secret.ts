/** The commands for a function's secrets, and for the key that encrypts all secrets. */
import {
  envChangeDocumentSchema,
  rotationDocumentSchema,
  variableDocumentSchema,
} from '../admin/env-documents.ts'
import { counted } from '../lib/counted.ts'
import { checkName, MAX_VALUE_BYTES } from '../metadata/env-rules.ts'
import type { Command } from './command.ts'
import { CREATE, changeText, createQuery } from './env.ts'
import { changeApi, readApi } from './offline.ts'
import { functionPath } from './paths.ts'
import { shortTime, table } from './table.ts'
import { readText } from './text-input.ts'

export const secretList: Command = {
  name: 'secret list',
  args: '<function>',
  summary: 'List the secrets of a function; their values are never shown',
  examples: ['secret list api', 'secret list api --json'],
  async run({ loaded, project, print }, [name = '']) {
    const path = `${functionPath(project, name)}/secrets`
    const rows = await readApi(loaded, (client) =>
      client.request(variableDocumentSchema.array(), path),
    )
    await print(rows, () =>
      table(
        ['NAME', 'FOR', 'SET'],
        rows.map((row) => [
          row.name,
          row.hosts?.join(', ') ?? 'the function',
          shortTime(row.updatedAt),
        ]),
      ),
    )
  },
}

export const secretSet: Command = {
  name: 'secret set',
  args: '<function> <NAME>',
  summary: 'Set a secret of a function; the value comes from standard input or a file',
  examples: [
    'secret set api DATABASE_PASSWORD < password.txt',
    'secret set api TLS_KEY --value-file key.pem',
    'secret set api STRIPE_KEY --for api.stripe.com < key.txt',
  ],
  options: [
    {
      flags: '--value-file <file>',
      help: 'read the value from a file; a line break at its end is not part of the value',
    },
    {
      flags: '--for <hosts>',
      help: 'hosts, separated by commas: the function gets a placeholder, and only HTTPS requests to these hosts get the secret, in header values',
    },
    CREATE,
  ],
  async run({ io, loaded, project, print }, [name = '', secret = ''], options) {
    checkName(secret)
    const path = `${secretPath(project, name, secret)}${createQuery(options)}`
    const file = typeof options.valueFile === 'string' ? options.valueFile : '-'
    if (file === '-' && process.stdin.isTTY) {
      await io.stderr(`Type the value of ${secret}, a line break, and Ctrl-D.\n`)
    }
    // One line break more than a value may have.
    const value = (await readText(file, MAX_VALUE_BYTES + 2)).replace(/\r?\n$/, '')
    const hosts = typeof options.for === 'string' ? options.for.split(',') : undefined
    const body = { value, hosts: hosts?.map((host) => host.trim()) }
    const document = await changeApi(
      loaded,
      (client) => client.send(envChangeDocumentSchema, 'PUT', path, body),
      { creates: options.create === true },
    )
    await print(document, () => changeText(document))
  },
}

export const secretUnset: Command = {
  name: 'secret unset',
  args: '<function> <NAME>',
  summary: 'Remove a secret of a function',
  examples: ['secret unset api STRIPE_KEY'],
  async run({ loaded, project, print }, [name = '', secret = '']) {
    checkName(secret)
    const path = secretPath(project, name, secret)
    const document = await changeApi(loaded, (client) =>
      client.request(envChangeDocumentSchema, path, { method: 'DELETE' }),
    )
    await print(document, () => changeText(document))
  },
}

export const secretRotateKey: Command = {
  name: 'secret rotate-key',
  summary: 'Encrypt all secrets of the service again, with a new key',
  examples: ['secret rotate-key', 'secret rotate-key --discard-lost'],
  options: [
    {
      flags: '--discard-lost',
      help: 'make a new key although the current one is lost: secrets that it encrypted must be set again',
    },
  ],
  async run({ loaded, print }, _args, { discardLost }) {
    const body = { discardLost: discardLost === true }
    const document = await changeApi(loaded, (client) =>
      client.send(rotationDocumentSchema, 'POST', '/v1/secrets/rotate-key', body),
    )
    const { keyId, secrets, unreadable } = document
    const rest =
      unreadable === 0
        ? ''
        : `${counted(unreadable, 'secret')} cannot be decrypted: set them again\n`
    await print(document, () => `key ${keyId}: ${counted(secrets, 'secret')} encrypted\n${rest}`)
  },
}

/** @param secret a valid name */
function secretPath(project: string, name: string, secret: string): string {
  return `${functionPath(project, name)}/secrets/${secret}`
}
