/**
 * Lets in who shows a JSON Web Token that the secret signed (HS256), and says who that is.
 *
 *     functions deploy jwt examples/jwt.ts          # the secret: the function's variable JWT_SECRET
 *     curl -H "authorization: Bearer $TOKEN" http://localhost:8080/functions/jwt
 */
interface Variables {
  JWT_SECRET?: string
}

interface Claims {
  sub?: string
  exp?: number
  nbf?: number
}

class Refused extends Error {}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\w-]*$/.test(text)) throw new Refused('the token is no JSON Web Token')
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
}

function parse(part: string): unknown {
  try {
    return JSON.parse(decoder.decode(fromBase64Url(part)))
  } catch {
    throw new Refused('the token is no JSON Web Token')
  }
}

const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

/** Keys are made once, not with each request. */
const keys = new Map<string, Promise<CryptoKey>>()

function keyOf(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret)
  const key =
    known ?? crypto.subtle.importKey('raw', encoder.encode(secret), ALGORITHM, false, ['verify'])
  keys.set(secret, key)
  return key
}

async function verify(token: string, secret: string): Promise<Claims> {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  // The token does not choose how it is checked: `alg: none` would let anybody in.
  if (more.length > 0 || (parse(head) as { alg?: string }).alg !== 'HS256') {
    throw new Refused('the token is not signed with HS256')
  }
  const key = await keyOf(secret)
  const signed = encoder.encode(`${head}.${body}`)
  if (!(await crypto.subtle.verify('HMAC', key, fromBase64Url(signature), signed))) {
    throw new Refused('the signature is not valid')
  }
  const claims = parse(body) as Claims
  const now = Date.now() / 1000
  if (claims.exp !== undefined && claims.exp <= now) throw new Refused('the token is too old')
  if (claims.nbf !== undefined && claims.nbf > now) throw new Refused('the token is not valid yet')
  return claims
}

export default {
  async fetch(req: Request, env: Variables): Promise<Response> {
    if (!env.JWT_SECRET) {
      return Response.json({ error: 'JWT_SECRET is not set' }, { status: 500 })
    }
    const token = /^Bearer (.+)$/i.exec(req.headers.get('authorization') ?? '')?.[1] ?? ''
    try {
      const { sub } = await verify(token, env.JWT_SECRET)
      return Response.json({ hello: sub })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return Response.json(
        { error: error.message },
        { status: 401, headers: { 'www-authenticate': 'Bearer' } },
      )
    }
  },
}
