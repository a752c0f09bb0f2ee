import { z } from 'zod'
import { checked, functionNameSchema } from '../admin/settings.ts'
import type { Command } from './command.ts'
import { change } from './offline.ts'

export const remove: Command = {
  name: 'delete',
  args: '<name>',
  summary: 'Delete a function with all its versions',
  examples: ['delete hello-world'],
  async run({ loaded, print }, [given = '']) {
    const name = checked(functionNameSchema, given, 'name')
    await change(
      loaded,
      (client) => client.request(z.undefined(), `/v1/functions/${name}`, { method: 'DELETE' }),
      (operations) => operations.remove(name),
    )
    await print({ function: name, deleted: true }, () => `${name}: deleted\n`)
  },
}
