import jwt from 'jsonwebtoken'

const secret = 'a secret'

export default (req: Request): Response => {
  const token = req.headers.get('authorization')
  if (token === null)
    return new Response(jwt.sign({ role: 'admin' }, secret, { subject: 'ann', expiresIn: '1h' }))
  try {
    return Response.json(jwt.verify(token, secret, { algorithms: ['HS256'] }))
  } catch (error) {
    return Response.json(
      { error: (error as Error).name, message: (error as Error).message },
      { status: 401 },
    )
  }
}
