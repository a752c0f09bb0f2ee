/** jsonwebtoken with keys, against Web Cryptography of this process. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { usePackages } from './harness.ts'

setDefaultTimeout(120_000)
const { json } = usePackages()

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
const ALGORITHMS: Record<string, object> = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', ...rsa },
  PS256: { name: 'RSA-PSS', ...rsa, saltLength: 32 },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
}

const base64Url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('jsonwebtoken', () => {
  test.each(Object.keys(ALGORITHMS))('%s', async (name) => {
    const algorithm = ALGORITHMS[name] as { name: string }
    const pair = (await crypto.subtle.generateKey(algorithm, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey))
    const lines = der.toString('base64').match(/.{1,64}/g) ?? []
    const privateKey = ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----'].join(
      '\n',
    )
    const text = `${base64Url({ alg: name, typ: 'JWT' })}.${base64Url({ made: 'elsewhere' })}`
    const signature = await crypto.subtle.sign(algorithm, pair.privateKey, Buffer.from(text))
    const token = `${text}.${Buffer.from(signature).toString('base64url')}`
    const { now, checked, refused } = await json('jsonwebtoken-keys', '/', {
      body: JSON.stringify({ algorithm: name, privateKey, token }),
    })
    expect(checked).toEqual([{ made: 'at once' }, { made: 'later' }, { made: 'elsewhere' }])
    expect(refused).toBe('invalid signature')
    const [head, body, signed] = now.split('.')
    const bytes = Buffer.from(signed, 'base64url')
    const data = Buffer.from(`${head}.${body}`)
    expect(await crypto.subtle.verify(algorithm, pair.publicKey, bytes, data)).toBe(true)
  })
})
