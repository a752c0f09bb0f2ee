import { deployDocumentSchema } from '../admin/documents.ts'
import { checked, versionNameSchema } from '../admin/settings.ts'
import type { Command } from './command.ts'
import { changeApi } from './offline.ts'
import { functionPath } from './paths.ts'

export const rollback: Command = {
  name: 'rollback',
  args: '<name> [version]',
  summary: 'Make a version active again: the one named, or the one that was active before',
  examples: ['rollback hello-world', 'rollback hello-world v1'],
  async run({ loaded, project, print }, [name = '', wanted]) {
    const version = wanted === undefined ? undefined : checked(versionNameSchema, wanted, 'version')
    const path = `${functionPath(project, name)}/rollback`
    const document = await changeApi(loaded, (client) =>
      client.send(deployDocumentSchema, 'POST', path, { version }),
    )
    const where = document.live ? 'live now' : 'not live now'
    await print(document, () => `${name} ${document.version}: active again, ${where}\n`)
  },
}
