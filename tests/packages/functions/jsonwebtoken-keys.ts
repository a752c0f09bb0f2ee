import { createPublicKey } from 'node:crypto'
import jwt from 'jsonwebtoken'

interface Work {
  algorithm: jwt.Algorithm
  privateKey: string
  /** Made by another implementation. */
  token: string
}

/** Signs with a private key in PEM, at once and with a callback, and checks these tokens and a foreign one. */
export default async (req: Request): Promise<Response> => {
  const { algorithm, privateKey, token } = (await req.json()) as Work
  const publicKey = createPublicKey(privateKey)
  const check = (text: string) => jwt.verify(text, publicKey, { algorithms: [algorithm] })
  const now = jwt.sign({ made: 'at once' }, privateKey, { algorithm, noTimestamp: true })
  const later = await new Promise<string>((resolve, reject) =>
    jwt.sign({ made: 'later' }, privateKey, { algorithm, noTimestamp: true }, (error, text) =>
      text === undefined ? reject(error) : resolve(text),
    ),
  )
  const changed = `${now.slice(0, -8)}AAAAAAAA`
  let refused = ''
  try {
    check(changed)
  } catch (error) {
    refused = (error as Error).message
  }
  return Response.json({ now, checked: [check(now), check(later), check(token)], refused })
}
