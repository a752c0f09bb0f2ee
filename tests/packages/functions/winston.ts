import { Writable } from 'node:stream'
import winston from 'winston'

export default async (): Promise<Response> => {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk).trimEnd())
      done()
    },
  })
  const logger = winston.createLogger({
    level: 'info',
    format: winston.format.combine(
      winston.format.errors({ stack: false }),
      winston.format.splat(),
      winston.format.json(),
    ),
    defaultMeta: { service: 'shop' },
    transports: [new winston.transports.Stream({ stream }), new winston.transports.Console()],
  })
  logger.info('paid %d', 5, { id: 1 })
  logger.debug('not shown')
  logger.child({ request: 7 }).warn('slow')
  logger.error(new Error('broken'))
  await new Promise((done) => logger.end(done))
  return Response.json(lines.map((line) => JSON.parse(line)))
}
