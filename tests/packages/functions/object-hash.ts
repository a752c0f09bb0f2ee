import hash from 'object-hash'

export default (): Response =>
  Response.json({
    same: hash({ a: 1, b: [2] }) === hash({ b: [2], a: 1 }),
    sha1: hash({ a: 1 }),
    md5: hash('x', { algorithm: 'md5' }),
  })
