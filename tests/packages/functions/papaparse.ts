import Papa from 'papaparse'

export default async (req: Request): Promise<Response> => {
  const { data, errors, meta } = Papa.parse(await req.text(), {
    header: true,
    dynamicTyping: true,
    skipEmptyLines: true,
  })
  return Response.json({
    data,
    errors: errors.map(({ code }) => code),
    fields: meta.fields,
    again: Papa.unparse(data as object[]),
  })
}
