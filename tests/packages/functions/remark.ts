import { remark } from 'remark'

/** Its headings, and the document as remark writes it. */
export default async (req: Request): Promise<Response> => {
  const headings: number[] = []
  const file = await remark()
    .use(() => (tree) => {
      for (const node of tree.children) if (node.type === 'heading') headings.push(node.depth)
    })
    .process(await req.text())
  return Response.json({ headings, text: String(file) })
}
