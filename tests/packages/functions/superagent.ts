import superagent from 'superagent'

export default async (req: Request): Promise<Response> => {
  const upstream = new URL(req.url).searchParams.get('upstream') ?? ''
  try {
    const answer = await superagent.post(upstream).send({ name: 'Änn' }).query({ page: 2 })
    return Response.json(answer.body)
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string }
    return Response.json({ name, code, message })
  }
}
