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

const CALLS: Record<string, string> = {
  awaited: `async function getUser() { return await fetch('http://a.test/') }
    const failing = () => getUser()`,
  caught: `function getUser() { return fetch('http://a.test/').catch((error) => { throw error }) }
    const failing = async () => { await null; return getUser() }`,
  'in a method': `class Api { getUser() { return fetch(new Request('http://a.test/', { method: 'POST', body: 'x' })) } }
    const failing = () => Promise.all([new Api().getUser()])`,
  'with a polluted prototype': `const getUser = () => fetch('http://a.test/')
    const failing = () => { Error.prototype.message = 'polluted'; return getUser() }`,
}

for (const [name, code] of Object.entries(CALLS)) {
  test(`the error of a fetch has the frames of the call: ${name}`, async () => {
    const zygote = await startZygote()
    const worker = await zygote.connect()
    const bundle = `${code}
      export default async () => {
        const error = await failing().catch((error) => error)
        console.error(error)
        return Response.json({ stack: error.stack, code: error.code, cause: error.cause.code })
      }`
    worker.start({ bundle })
    await worker.ready()
    const running = worker.begin()
    await worker.inbox.find(({ type }) => type === 'fetch')
    worker.send(REFUSAL)
    const { text, logs } = await running.result
    const { stack, code: reason, cause } = JSON.parse(text)
    expect(stack).toMatch(/^TypeError: fetch: no\n {4}at getUser \(bundle\.js:\d+:\d+\)/)
    expect(stack).not.toContain('native')
    expect([reason, cause]).toEqual(['ERR_POLICY', 'ERR_POLICY'])
    const shown = logs[0]?.message ?? ''
    expect(shown).toMatch(/^TypeError: fetch: no\n {4}at getUser \(bundle\.js:\d+:\d+\)\n/)
    expect(shown).toContain('[cause]: Error: ')
    await zygote.close()
  })
}

test('the error of a URL that cannot be fetched has a code, and a cause with the same code', async () => {
  const zygote = await startZygote()
  const worker = await zygote.worker({
    bundle: `export default async () => {
      const urls = ['nope', 'file:///x', 'ftp://a/', 'data:nope']
      const errors = await Promise.all(urls.map((url) => fetch(url).catch((error) => error)))
      return Response.json(errors.map((e) => [e instanceof TypeError, e.code, e.cause?.code, e.cause?.input]))
    }`,
  })
  expect(await worker.json()).toEqual([
    [true, 'ERR_INVALID_URL', 'ERR_INVALID_URL', 'nope'],
    [true, 'ENOENT', 'ENOENT', null],
    [true, 'ERR_POLICY', 'ERR_POLICY', null],
    [true, 'ERR_INVALID_URL', 'ERR_INVALID_URL', null],
  ])
  await zygote.close()
})

for (const method of ['json', 'text', 'arrayBuffer', 'blob']) {
  test(`the error of a body that breaks off has the frames of the call: ${method}`, async () => {
    const zygote = await startZygote()
    const worker = await zygote.connect()
    const bundle = `async function readUser(response) { return await response.${method}() }
      export default async () => {
        const response = await fetch('http://a.test/')
        const error = await readUser(response).catch((error) => error)
        return Response.json({ stack: error.stack, code: error.code })
      }`
    worker.start({ bundle })
    await worker.ready()
    const running = worker.begin()
    const { id } = await worker.inbox.find(({ type }) => type === 'fetch')
    worker.send({
      type: 'fetch-response',
      id,
      status: 200,
      statusText: 'OK',
      url: 'http://a.test/',
      redirected: false,
      headers: [],
      end: false,
    })
    worker.send({ type: 'chunk', id, bytes: 3 }, Buffer.from('{"a'))
    worker.send({ ...REFUSAL, id, reason: 'ECONNRESET' })
    const { stack, code } = JSON.parse((await running.result).text)
    expect(stack).toMatch(/^TypeError: fetch: no\n {4}at readUser \(bundle\.js:1:\d+\)/)
    expect(code).toBe('ECONNRESET')
    await zygote.close()
  })
}
