/** What other processes of the same user may do to a worker: all workers run as one user. */
import { expect, test } from 'bun:test'
import { statSync } from 'node:fs'
import { SANITIZED, startZygote } from './harness.ts'

// A worker with sanitizers finds leaks as a tracer, so it cannot refuse tracers.
test.skipIf(SANITIZED)('neither a worker nor its zygote lets another look into it', async () => {
  const zygote = await startZygote(['--pid-namespace', 'off'])
  const worker = await zygote.connect()
  worker.start({ bundle: 'export default () => new Response("hello")' })
  await worker.ready()
  const forked = await zygote.inbox.find(
    (message) => message.type === 'forked' && message.worker === worker.number,
  )
  const parent = await Bun.file(`/proc/${forked.pid}/stat`).text()
  const templatePid = Number(/\) \S (\d+) /.exec(parent)?.[1])
  for (const pid of [forked.pid, templatePid]) {
    // The kernel makes root their owner if the process is not dumpable, else its user.
    for (const file of ['mem', 'environ', 'maps', 'fd']) {
      expect([file, statSync(`/proc/${pid}/${file}`).uid]).toEqual([file, 0])
    }
  }
  await zygote.close()
})
