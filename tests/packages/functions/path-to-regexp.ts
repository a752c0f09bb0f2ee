import { minimatch } from 'minimatch'
import { compile, match } from 'path-to-regexp'

export default (req: Request): Response => {
  const route = match('/users/:id{/books/:book}')
  const found = route(new URL(req.url).pathname)
  return Response.json({
    params: found === false ? null : found.params,
    made: compile('/users/:id')({ id: 'ä b' }),
    globs: ['src/a.ts', 'src/deep/b.ts', 'c.js'].filter((path) =>
      minimatch(path, 'src/**/*.{ts,tsx}'),
    ),
  })
}
