import bcrypt from 'bcryptjs'

/** A login: half a second of CPU time. */
export default async (req: Request): Promise<Response> => {
  const { password, hash } = (await req.json()) as { password: string; hash?: string }
  return Response.json(
    hash === undefined
      ? { hash: await bcrypt.hash(password, 6) }
      : { matches: await bcrypt.compare(password, hash) },
  )
}
