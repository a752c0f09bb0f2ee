import { parse } from 'csv-parse'
import { parse as parseSync } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'

/** The stream and the synchronous parser must agree. */
export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  const parser = parse({ columns: true, delimiter: ';' })
  const rows: Record<string, string>[] = []
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('readable', () => {
      for (let row = parser.read(); row !== null; row = parser.read()) rows.push(row)
    })
    parser.on('end', resolve).on('error', reject)
  })
  parser.write(text)
  parser.end()
  try {
    await ended
  } catch (error) {
    return Response.json({ code: (error as { code: string }).code }, { status: 400 })
  }
  const same =
    JSON.stringify(parseSync(text, { columns: true, delimiter: ';' })) === JSON.stringify(rows)
  return Response.json({ rows, same, again: stringify(rows, { header: true }) })
}
