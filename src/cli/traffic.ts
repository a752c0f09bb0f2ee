/** Shows and changes which versions of a function share its requests. */
import { type TrafficDocument, trafficDocumentSchema } from '../admin/documents.ts'
import { checked, versionNameSchema } from '../admin/settings.ts'
import { stickyHeaderSchema, weightsSchema } from '../admin/traffic-routes.ts'
import { FunctionError } from '../errors.ts'
import type { Command } from './command.ts'
import { changeApi, readApi } from './offline.ts'
import { functionPath } from './paths.ts'

export const traffic: Command = {
  name: 'traffic',
  args: '<function> [version=percent...]',
  summary: 'Show which versions share the requests of a function, or set their weights',
  examples: [
    'traffic api',
    'traffic api v7=90 v8=10',
    'traffic api v7=50 v8=50 --sticky-header X-User',
    'traffic api v8=100',
  ],
  options: [
    {
      flags: '--sticky-header <name>',
      help: 'the value of this request header chooses the version; without it a cookie keeps a client with its version',
    },
  ],
  async run({ loaded, project, print }, [name = '', given], { stickyHeader }) {
    const path = `${functionPath(project, name)}/traffic`
    const shares = (given ?? []) as unknown as string[]
    if (shares.length === 0) {
      if (stickyHeader !== undefined) {
        const message = '--sticky-header needs the versions and their weights, such as v7=90 v8=10.'
        throw new FunctionError('BAD_REQUEST', message)
      }
      const document = await readApi(loaded, (client) =>
        client.request(trafficDocumentSchema, path),
      )
      await print(document, () => described(document))
      return
    }
    const body = {
      versions: weightsOf(shares),
      ...(stickyHeader !== undefined && {
        stickyHeader: checked(stickyHeaderSchema, stickyHeader, '--sticky-header'),
      }),
    }
    const document = await changeApi(loaded, (client) =>
      client.send(trafficDocumentSchema, 'PUT', path, body),
    )
    await print(document, () => described(document))
  },
}

/** @throws {FunctionError} BAD_REQUEST */
function weightsOf(shares: readonly string[]): Record<string, number> {
  const weights: Record<string, number> = {}
  for (const share of shares) {
    const match = /^([^=]+)=(\d{1,3})%?$/.exec(share)
    if (match === null) {
      const message = `A weight is written as version=percent, such as v8=10 (got '${share}').`
      throw new FunctionError('BAD_REQUEST', message)
    }
    const version = checked(versionNameSchema, match[1], 'version')
    if (Object.hasOwn(weights, version)) {
      throw new FunctionError('BAD_REQUEST', `Version '${version}' is named twice.`)
    }
    weights[version] = Number(match[2])
  }
  return checked(weightsSchema, weights, 'weights')
}

function described({ function: name, versions, stickyHeader }: TrafficDocument): string {
  const lines = Object.entries(versions).map(
    ([version, weight]) => `${name} ${version}: ${weight} %\n`,
  )
  if (lines.length === 0) return `${name} has no active version\n`
  const sticky = stickyHeader === null ? '' : `chosen by the header ${stickyHeader}\n`
  return lines.join('') + sticky
}
