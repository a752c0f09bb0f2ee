import { deployDocumentSchema } from '../admin/documents.ts'
import { checked, functionNameSchema, versionNameSchema } from '../admin/settings.ts'
import type { Command } from './command.ts'
import { change } from './offline.ts'

export const rollback: Command = {
  name: 'rollback',
  args: '<name> [version]',
  summary: 'Make a version active again: the one named, or the one that was active before',
  examples: ['rollback hello-world', 'rollback hello-world v1'],
  async run({ loaded, print }, [given = '', wanted]) {
    const name = checked(functionNameSchema, given, 'name')
    const version = wanted === undefined ? undefined : checked(versionNameSchema, wanted, 'version')
    const document = await change(
      loaded,
      (client) =>
        client.request(deployDocumentSchema, `/v1/functions/${name}/rollback`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ version }),
        }),
      (operations) => operations.rollback(name, version),
    )
    const where = document.live ? 'live now' : 'not live now'
    await print(document, () => `${name} ${document.version}: active again, ${where}\n`)
  },
}
