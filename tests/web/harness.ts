/** Runs functions of a test file inside a real worker, one invocation each. */
import { afterAll, beforeAll, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startZygote, type TestZygote } from '../worker/harness.ts'
import type { InvokeResult } from '../worker/running.ts'
import type { TestWorker } from '../worker/test-worker.ts'

export const PRELUDE = readFileSync(join(import.meta.dir, 'prelude.js'), 'utf8')

export type Case = (request: Request) => unknown

/** A bundle that runs the case that the request's path names, and responds with its exception. */
export function bundleOf(cases: Record<string, Case>): string {
  const table = Object.entries(cases).map(([name, run]) => `${JSON.stringify(name)}: ${run}`)
  return `${PRELUDE}
    const cases = {${table.join(',\n')}}
    const { Response, URL } = globalThis
    export default async (request) => {
      const name = decodeURIComponent(new URL(request.url).pathname.slice(1))
      try {
        const result = await cases[name](request)
        return result instanceof Response ? result : new Response('ok')
      } catch (error) {
        return new Response(String(error?.message) + '\\n' + error?.stack, { status: 599 })
      }
    }`
}

export const pathOf = (name: string) => ({ url: `http://localhost/${encodeURIComponent(name)}` })

export function expectOk(result: InvokeResult): void {
  if (result.error !== undefined) throw new Error(`${result.error.code}: ${result.error.message}`)
  if (result.status !== 200 || result.text !== 'ok') throw new Error(result.text)
}

/** A template that the tests of a file share. */
export function useTemplate(): () => TestZygote {
  let template: TestZygote | undefined
  beforeAll(async () => {
    template = await startZygote()
  })
  afterAll(() => template?.close())
  return () => template as TestZygote
}

/**
 * Defines one test for each function. They run in one worker, in order, each in its own invocation.
 * They cannot use anything of their file, only the worker's globals and assertions.d.ts.
 */
export function inWorker(cases: Record<string, Case>): void {
  const template = useTemplate()
  let worker: TestWorker
  beforeAll(async () => {
    worker = await template().worker({ bundle: bundleOf(cases) })
  })
  for (const name of Object.keys(cases)) {
    test(name, async () => expectOk(await worker.invoke(pathOf(name))))
  }
}

/** The same with a worker for each function, which may break the built-ins. */
export function inOwnWorker(cases: Record<string, Case>): void {
  const template = useTemplate()
  for (const [name, run] of Object.entries(cases)) {
    test(name, async () => {
      const worker = await template().worker({ bundle: bundleOf({ [name]: run }) })
      expectOk(await worker.invoke(pathOf(name)))
      worker.close()
    })
  }
}
