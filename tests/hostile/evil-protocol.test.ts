/** An attacker at the worker's end of the channel sends floods and lies, while a neighbour is answered. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { open } from '../conformance/harness.ts'
import { userNamespaces } from '../launcher/harness.ts'
import { asOrdinaryUser, attack, type Stand, stand } from './evil.ts'
import { Neighbour } from './neighbour.ts'

const paths = { allowFilesystem: true, allowedPaths: ['/usr/share'] }
const everything = { allowFilesystem: true, allowNetwork: true, allowChildProcess: true }
const isRoot = process.getuid?.() === 0

/** Every kind of worker has its own launch and channel, but one parser reads all of them. */
const stands: Record<string, Stand> = {
  'strict, a user’s without user namespaces': stand('quickjs-ng', {}, asOrdinaryUser(false)),
}
const kinds: [string, Parameters<typeof stand>[0], Parameters<typeof stand>[1]][] = [
  ['strict', 'quickjs-ng', {}],
  ['paths', 'quickjs-ng', paths],
  ['permissive', 'quickjs-ng', everything],
  ['bun', 'bun', {}],
]
for (const [kind, ...rest] of kinds) {
  if (isRoot) stands[kind] = stand(...rest)
  if (userNamespaces) stands[`${kind}, a user’s`] = stand(...rest, asOrdinaryUser(true))
}

let neighbour: Neighbour
beforeAll(async () => {
  neighbour = await Neighbour.start()
})

afterAll(async () => {
  await Promise.all([
    neighbour.close(),
    ...Object.values(stands).map(({ fixture }) => fixture.close()),
  ])
})

/** The result of its invocation, and the reason for the end of the worker. */
async function attempt(evil: Stand, name: string, cancelAfterMs?: number, deadlineMs = 5_000) {
  const started = attack(evil, name)
  await started.ready
  const running = open(started.worker, { deadlineMs, pauseAfter: 0 })
  if (cancelAfterMs !== undefined) {
    setTimeout(() => running.invocation.cancel('client gone'), cancelAfterMs)
  }
  const answer = await running.done
  return { started, answer }
}

describe.each(Object.entries(stands))('%s', (_kind, evil) => {
  test.each(['garbage', 'huge-line', 'nested', 'foreign-id', 'ready-twice', 'endless-body'])(
    '%s is a breach: the request fails, the worker is gone',
    async (name) => {
      const { started, answer } = await attempt(evil, name)
      expect(answer.error?.code).toBe('WORKER_PROTOCOL')
      expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
      expect(started.worker.state).toBe('gone')
    },
  )

  test.each(['answer-twice', 'done-twice'])('%s is a breach after the answer', async (name) => {
    const { started, answer } = await attempt(evil, name)
    expect([200, 0]).toContain(answer.status)
    expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
  })

  test('answers after cancel are dropped until done, and a breach from then on', async () => {
    const { started, answer } = await attempt(evil, 'answer-after-cancel', 50)
    expect(answer.status).toBe(0)
    expect(answer.error).toBeUndefined()
    expect((await started.exit)?.code).toBe('WORKER_PROTOCOL')
  })

  test('a second announcement is a breach', async () => {
    const { exit } = attack(evil, 'accepted-again')
    expect((await exit)?.code).toBe('WORKER_PROTOCOL')
  })

  test('a worker that holds its pipe is ended at its deadline', async () => {
    const { started, answer } = await attempt(evil, 'hold', undefined, 500)
    expect(['TIMEOUT', 'WORKER_CRASHED']).toContain(answer.error?.code as string)
    expect((await started.exit)?.code).toBe('WORKER_CRASHED')
  }, 20_000)

  test('of a million lines of log few are kept, and the request is answered or times out', async () => {
    const { started, answer } = await attempt(evil, 'million-logs')
    expect([200, 0]).toContain(answer.status)
    expect(started.logs.length).toBeLessThan(20_000)
    started.worker.kill(new Error('enough') as never)
  }, 60_000)

  test('100,000 fetches are no more than a worker that goes', async () => {
    const { started, answer } = await attempt(evil, 'many-fetches')
    expect(['WORKER_PROTOCOL', 'TIMEOUT']).toContain(answer.error?.code as string)
    await started.exit
    expect(started.worker.state).toBe('gone')
  }, 60_000)
})

test('the neighbour answered each request all the while', () => neighbour.expectAllAnswered())
