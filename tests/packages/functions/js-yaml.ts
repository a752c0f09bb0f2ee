import { dump, load, loadAll } from 'js-yaml'

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  try {
    return Response.json({ value: load(text), again: dump(load(text)) })
  } catch (error) {
    const { name, reason, mark } = error as { name: string; reason: string; mark: { line: number } }
    return Response.json(
      { name, reason, line: mark.line, documents: loadAll('--- 1\n--- 2\n').length },
      { status: 400 },
    )
  }
}
