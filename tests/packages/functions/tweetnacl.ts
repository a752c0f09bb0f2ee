import nacl from 'tweetnacl'

export default async (req: Request): Promise<Response> => {
  const bytes = new TextEncoder().encode(await req.text())
  const box = nacl.box.keyPair()
  const other = nacl.box.keyPair()
  const nonce = nacl.randomBytes(nacl.box.nonceLength)
  const sealed = nacl.box(bytes, nonce, other.publicKey, box.secretKey)
  const opened = nacl.box.open(sealed, nonce, box.publicKey, other.secretKey)
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(7))
  const signature = nacl.sign.detached(bytes, secretKey)
  sealed[0] = (sealed[0] ?? 0) ^ 1
  return Response.json({
    opened: opened === null ? null : new TextDecoder().decode(opened),
    verified: nacl.sign.detached.verify(bytes, signature, publicKey),
    broken: nacl.box.open(sealed, nonce, box.publicKey, other.secretKey),
    publicKey: Buffer.from(publicKey).toString('hex'),
  })
}
