/** The error of a fetch, which a script may influence while the worker makes it. */
import { expect, test } from 'bun:test'
import { startZygote } from './harness.ts'

const ABORTS = `export default async () => {
  const controller = new AbortController()
  let traces = 0
  Error.prepareStackTrace = () => {
    traces++
    controller.abort('in the trace')
    return 'none'
  }
  const body = new ReadableStream({ pull() { return new Promise(() => {}) } })
  const upload = { method: 'PUT', body, duplex: 'half', signal: controller.signal }
  const error = await fetch('http://a.test/', upload).catch((error) => error)
  Error.prepareStackTrace = undefined
  return Response.json([traces > 0, error])
}`

const REFUSAL = {
  type: 'fetch-error',
  id: 'f1',
  code: 'REFUSED',
  reason: 'ERR_POLICY',
  message: 'no',
}

for (const message of [REFUSAL, { type: 'cancel', id: 'f1', reason: 'body' }]) {
  test(`a script that aborts the fetch while the error of "${message.type}" is made`, async () => {
    const zygote = await startZygote()
    const worker = await zygote.connect()
    worker.start({ bundle: ABORTS })
    await worker.ready()
    const running = worker.begin()
    await worker.inbox.find(({ type }) => type === 'fetch')
    worker.send(message)
    const { text } = await running.result
    expect(JSON.parse(text)).toEqual([true, 'in the trace'])
    await zygote.close()
  })
}
