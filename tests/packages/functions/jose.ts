import { jwtVerify, SignJWT } from 'jose'

const secret = new TextEncoder().encode('a secret of thirty-two bytes, ok')

/** GET makes a token, POST checks the one in its Authorization header. */
export default async (req: Request): Promise<Response> => {
  if (req.method === 'GET') {
    const token = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(secret)
    return new Response(token)
  }
  const token = req.headers.get('authorization')?.replace('Bearer ', '') ?? ''
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] })
    return Response.json({ sub: payload.sub, role: payload.role })
  } catch (error) {
    return Response.json({ code: (error as { code: string }).code }, { status: 401 })
  }
}
