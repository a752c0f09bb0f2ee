import { parse, stringify, TomlError } from 'smol-toml'

export default async (req: Request): Promise<Response> => {
  try {
    const value = parse(await req.text())
    return Response.json({ value, again: stringify({ server: value.server ?? {} }) })
  } catch (error) {
    if (error instanceof TomlError)
      return Response.json({ line: error.line, column: error.column }, { status: 400 })
    throw error
  }
}
