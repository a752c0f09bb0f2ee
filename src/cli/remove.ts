import { z } from 'zod'
import type { Command } from './command.ts'
import { changeApi } from './offline.ts'
import { functionPath } from './paths.ts'

export const remove: Command = {
  name: 'delete',
  args: '<name>',
  summary: 'Delete a function with all its versions',
  examples: ['delete hello-world'],
  async run({ loaded, project, print }, [name = '']) {
    const path = functionPath(project, name)
    await changeApi(loaded, (client) => client.request(z.undefined(), path, { method: 'DELETE' }))
    await print({ project, function: name, deleted: true }, () => `${name}: deleted\n`)
  },
}
