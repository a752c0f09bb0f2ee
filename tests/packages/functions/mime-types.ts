import mime from 'mime-types'

export default (): Response =>
  Response.json([
    mime.lookup('a/b.json'),
    mime.contentType('x.html'),
    mime.extension('image/svg+xml'),
    mime.lookup('none'),
  ])
