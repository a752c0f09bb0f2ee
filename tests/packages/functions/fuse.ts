import Fuse from 'fuse.js'
import MiniSearch from 'minisearch'

const books = [
  { id: 1, title: "Old Man's War", author: 'John Scalzi' },
  { id: 2, title: 'The Lock Artist', author: 'Steve Hamilton' },
  { id: 3, title: 'HTML5', author: 'Remy Sharp' },
]
const fuse = new Fuse(books, { keys: ['title', 'author'] })
const index = new MiniSearch({ fields: ['title', 'author'], storeFields: ['title'] })
index.addAll(books)

export default (req: Request): Response => {
  const query = new URL(req.url).searchParams.get('q') ?? ''
  return Response.json({
    fuse: fuse.search(query).map(({ item }) => item.id),
    index: index.search(query, { fuzzy: 0.3, prefix: true }).map(({ id }) => id),
  })
}
