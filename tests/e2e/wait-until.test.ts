/** What a handler leaves running behind its response has 30 s, whatever else goes on. */
import { expect, test } from 'bun:test'
import { openTestDatabase } from '../../src/testing/open-database.ts'
import { Workspace } from './harness.ts'

const LATER = `const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export default (req: Request, ctx) => {
  const url = new URL(req.url)
  const ms = Number(url.searchParams.get('ms'))
  const work = async () => {
    await sleep(ms)
    console.log('finished after ' + ms)
  }
  ctx.waitUntil(work())
  return new Response('answered')
}`

test('waitUntil runs on for 30 s, and its log says what was cancelled', async () => {
  const space = new Workspace()
  try {
    await space.deploy('later', LATER)
    const service = await space.serve()
    const answers = await Promise.all(
      [100, 27_000, 45_000].map(async (ms) => {
        const response = await service.fetch(`/functions/later?ms=${ms}`)
        return await response.text()
      }),
    )
    expect(answers).toEqual(['answered', 'answered', 'answered'])
    let inFlight = true
    while (inFlight) {
      await Bun.sleep(250)
      const metrics = await service.metrics()
      inFlight = !metrics.includes('functions_in_flight 0')
    }
    expect(await service.stop()).toBe(0)
    const db = openTestDatabase(`${space.dataDir}/logs.db`)
    const rows = db.query('SELECT message FROM logs ORDER BY id').values().flat()
    db.close()
    expect(rows).toEqual([
      'finished after 100',
      'finished after 27000',
      'waitUntil did not settle within 30 s and was cancelled',
      expect.stringMatching(
        /^Ended with the request, so this worker is replaced: 1 timer\n {2}timer set\n.*later\.ts:/,
      ),
    ])
  } finally {
    space.remove()
  }
}, 60_000)

const ENDLESS = `const endless = () => new ReadableStream({
  async pull(controller) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    controller.enqueue(new Uint8Array(10))
  },
})
export default (req: Request, ctx) => {
  const { pathname } = new URL(req.url)
  if (pathname === '/waits') ctx.waitUntil(new Promise(() => {}))
  return new Response(pathname === '/short' || pathname === '/waits' ? 'short' : endless())
}`

test('a body that HEAD does not send is named when it is cancelled, and waitUntil is not blamed', async () => {
  const space = new Workspace()
  try {
    await space.deploy('endless', ENDLESS)
    const service = await space.serve()
    for (const path of ['', '/short', '/waits']) {
      const response = await service.fetch(`/functions/endless${path}`, { method: 'HEAD' })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('')
    }
    const messages = () => {
      const db = openTestDatabase(`${space.dataDir}/logs.db`)
      const rows = db.query('SELECT message FROM logs ORDER BY message').values().flat()
      db.close()
      return rows
    }
    let inFlight = true
    while (inFlight) {
      await Bun.sleep(250)
      const metrics = await service.metrics()
      inFlight = !metrics.includes('functions_in_flight 0')
    }
    expect(await service.stop()).toBe(0)
    expect(messages()).toEqual([
      expect.stringMatching(/^Ended with the request, so this worker is replaced: 1 timer\n/),
      'the body of a response without a body (to HEAD, or with status 204, 205 or 304) did not end within 30 s and was cancelled',
      'waitUntil did not settle within 30 s and was cancelled',
    ])
  } finally {
    space.remove()
  }
}, 90_000)
