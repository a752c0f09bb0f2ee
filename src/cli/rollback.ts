import { rollbackDocumentSchema } from '../admin/documents.ts'
import { checked, versionNameSchema } from '../admin/settings.ts'
import type { Command } from './command.ts'
import { changeApi } from './offline.ts'
import { functionPath } from './paths.ts'

export const rollback: Command = {
  name: 'rollback',
  args: '<name> [version]',
  summary:
    'Return to the deployment before, or to the version named, with the variables of that time',
  examples: ['rollback hello-world', 'rollback hello-world v1', 'rollback api v1 --keep-env'],
  options: [{ flags: '--keep-env', help: 'leave the variables and secrets as they are' }],
  async run({ loaded, project, print }, [name = '', wanted], { keepEnv }) {
    const version = wanted === undefined ? undefined : checked(versionNameSchema, wanted, 'version')
    const path = `${functionPath(project, name)}/rollback`
    const document = await changeApi(loaded, (client) =>
      client.send(rollbackDocumentSchema, 'POST', path, { version, keepEnv: keepEnv === true }),
    )
    const where = document.live ? 'live now' : 'not live now'
    const { envChanged } = document
    const env = envChanged.length === 0 ? '' : `variables that changed: ${envChanged.join(', ')}\n`
    const { versions = { [document.version]: 100 } } = document
    const shares = Object.entries(versions).map(([version, weight]) => `${version}=${weight}`)
    const what = shares.length === 1 ? document.version : shares.join(' ')
    await print(document, () => `${name} ${what}: active again, ${where}\n${env}`)
  },
}
