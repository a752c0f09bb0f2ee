import { Builder, parseStringPromise } from 'xml2js'

export default async (req: Request): Promise<Response> => {
  try {
    const value = await parseStringPromise(await req.text(), { explicitArray: false })
    return Response.json({
      value,
      again: new Builder({ headless: true, renderOpts: { pretty: false } }).buildObject(value),
    })
  } catch (error) {
    return Response.json({ error: (error as Error).message.split('\n')[0] }, { status: 400 })
  }
}
