import { Command, Redis } from 'ioredis'

export default async (): Promise<Response> => {
  const set = new Command('set', ['key', 'Änn', 'EX', 10])
  const hash = new Command('hset', ['h', { a: 1, b: 2 }])
  const redis = new Redis({
    lazyConnect: true,
    host: 'cache.test',
    port: 6380,
    db: 2,
    maxRetriesPerRequest: 0,
  })
  redis.on('error', () => {})
  const pipeline = redis.pipeline().get('a').incr('b')
  const failure = await redis.connect().then(
    () => undefined,
    (error: Error) => error.message,
  )
  redis.disconnect()
  return Response.json({
    set: set.toWritable({} as never),
    hash: hash.toWritable({} as never),
    length: pipeline.length,
    options: [redis.options.host, redis.options.port, redis.options.db],
    failure,
  })
}
