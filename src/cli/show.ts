import type { Command } from './command.ts'
import { readDetails } from './details.ts'
import { printable } from './errors.ts'
import { shortTime } from './table.ts'

export const show: Command = {
  name: 'show',
  args: '<name>',
  summary: 'Show a function and what it runs with',
  examples: ['show hello-world', 'show hello-world --json'],
  async run({ loaded, print }, [name = '']) {
    const details = await readDetails(loaded, name)
    await print(details, () => {
      const fields: [string, unknown][] = [
        ['name', details.name],
        ['id', details.id],
        ['status', details.status],
        ['version', details.version],
        ['runtime', details.runtime],
        ['engine', details.engine],
        ['handler', details.handler],
        ['profile', details.profile],
        ...Object.entries(details.capabilities ?? {}),
        ...Object.entries(details.config ?? {}).filter(([key]) => key !== 'profile'),
        ['created', shortTime(details.createdAt)],
        ['updated', shortTime(details.updatedAt)],
        ['versions', details.versions.map(({ version }) => version).join(' ')],
      ]
      return fields.map(([key, value]) => `${key.padEnd(20)} ${text(value)}\n`).join('')
    })
  },
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value ?? '-'))
}
