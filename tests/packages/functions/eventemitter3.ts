import EventEmitter from 'eventemitter3'

export default (): Response => {
  const emitter = new EventEmitter()
  const seen: unknown[] = []
  emitter.once('a', (n) => seen.push(['once', n]))
  emitter.on('a', (n) => seen.push(['on', n]))
  return Response.json({
    first: emitter.emit('a', 1),
    second: emitter.emit('a', 2),
    none: emitter.emit('b'),
    seen,
  })
}
