import pLimit from 'p-limit'
import PQueue from 'p-queue'
import pRetry from 'p-retry'

export default async (): Promise<Response> => {
  let running = 0
  let most = 0
  const work = async (n: number) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 3))
    running--
    return n * 2
  }
  const limit = pLimit(2)
  const limited = await Promise.all([1, 2, 3, 4].map((n) => limit(() => work(n))))
  const queue = new PQueue({ concurrency: 3 })
  const queued = await Promise.all([1, 2, 3, 4, 5].map((n) => queue.add(() => work(n))))
  let tries = 0
  const value = await pRetry(() => (++tries < 3 ? Promise.reject(new Error('not yet')) : tries), {
    retries: 4,
    minTimeout: 1,
  })
  return Response.json({ limited, queued, most, value })
}
