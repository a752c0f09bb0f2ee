/** A real quickjs-ng worker behind a real broker, for the fetches of its functions. */
import { afterAll, beforeAll } from 'bun:test'
import type { Runtime } from '../../src/capabilities/runtime.ts'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import type { Egress } from '../../src/egress/egress.ts'
import { type FactoryFixture, openFactory, type Started, start } from '../conformance/harness.ts'

/** Runs the case that the path names, and answers with what it gives as JSON. */
export function bundleOf(cases: Record<string, string>, prelude = ''): string {
  const table = Object.entries(cases).map(([name, source]) => `${JSON.stringify(name)}: ${source}`)
  return `${prelude}
    const cases = {${table.join(',\n')}}
    export default async (request, ctx) => {
      const url = new URL(request.url)
      const upstream = url.searchParams.get('upstream')
      const result = await cases[url.pathname.slice(1)](request, upstream, ctx)
      return result instanceof Response ? result : Response.json(result ?? null)
    }`
}

/** A launcher over a broker, for the tests of a file. */
export function useLauncher(egress: () => Egress): {
  start(bundle: string, capabilities?: Partial<Capabilities>, runtime?: Runtime): Promise<Started>
} {
  let fixture: FactoryFixture | undefined
  beforeAll(() => {
    fixture = openFactory({ egress: egress() })
  })
  afterAll(() => fixture?.close())
  return {
    start: (bundle, capabilities = {}, runtime = 'quickjs-ng') => {
      const all = { allowNetwork: true, ...capabilities }
      return start((fixture as FactoryFixture).factory, runtime, bundle, { capabilities: all })
    },
  }
}
