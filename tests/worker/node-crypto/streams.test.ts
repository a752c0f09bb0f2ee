/** Objects of node:crypto as streams, callbacks, promises, and their bridge to Web Cryptography. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash, createHmac } from 'node:crypto'
import { bundleOf, startZygote, type TestZygote } from '../node-harness.ts'

setDefaultTimeout(120_000)

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

async function answer(source: string): Promise<unknown> {
  const worker = await zygote.worker({
    bundle: await bundleOf(source),
    limits: { load_ms: 60_000 },
  })
  try {
    return await worker.json('/', { cpuMs: 100_000, deadlineMs: 100_000 })
  } finally {
    worker.close()
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('streams', () => {
  test('a hash and an HMAC at the end of a pipe', async () => {
    const source = `import { createHash, createHmac } from 'node:crypto'
      import { Readable, Transform, pipeline } from 'node:stream'
      const text = (stream) => new Promise((resolve, reject) => {
        let all = ''
        stream.on('data', (chunk) => { all += chunk.toString('hex') })
        stream.on('end', () => resolve(all)).on('error', reject)
      })
      export default async () => {
        const piped = Readable.from([Buffer.from('some '), Buffer.from('data')]).pipe(createHash('sha256'))
        const ended = createHmac('sha1', 'key')
        const mac = text(ended)
        ended.write('some '); ended.end('data')
        const early = createHash('sha256')
        return Response.json([await text(piped), await mac, early instanceof Transform,
          early.update('x').digest('hex')])
      }`
    const mac = createHmac('sha1', 'key').update('some data').digest('hex')
    expect(await answer(source)).toEqual([sha256('some data'), mac, true, sha256('x')])
  })

  test('digest after the end of the stream: the result for a hash, nothing for an HMAC', async () => {
    const source = `import { createHash, createHmac } from 'node:crypto'
      import { Readable } from 'node:stream'
      import { pipeline } from 'node:stream/promises'
      const attempt = (run) => { try { return run() } catch ({ code }) { return code } }
      export default async () => {
        const [hash, mac] = [createHash('sha256'), createHmac('sha256', 'key')]
        for (const each of [hash, mac]) await pipeline(Readable.from(['some ', 'data']), each)
        const late = createHash('sha256').update('x')
        const early = late.digest('hex')
        late.end('more')
        await new Promise((resolve) => late.on('readable', resolve))
        return Response.json([attempt(() => hash.update('x')), attempt(() => hash.copy()), hash.digest('hex'),
          hash.read().toString('hex'), attempt(() => hash.digest()), mac.digest('hex'),
          mac.read().toString('hex'), early, late.read().toString('hex')])
      }`
    const mac = createHmac('sha256', 'key').update('some data').digest('hex')
    const [code, whole] = ['ERR_CRYPTO_HASH_FINALIZED', sha256('some data')]
    expect(await answer(source)).toEqual([
      ...[code, code, whole, whole, code, '', mac, sha256('x'), sha256('x')],
    ])
  })

  test('a cipher into its decipher, and a wrong tag is an error of the stream', async () => {
    const source = `import { createCipheriv, createDecipheriv } from 'node:crypto'
      import { Readable, pipeline } from 'node:stream'
      const key = Buffer.alloc(32, 1), iv = Buffer.alloc(16, 2), nonce = Buffer.alloc(12)
      const collect = (...streams) => new Promise((resolve) => {
        const parts = []
        const last = pipeline(...streams, (error) => resolve(error?.message ?? Buffer.concat(parts).toString()))
        last.on('data', (part) => parts.push(part))
      })
      export default async () => {
        const text = 'abc'.repeat(10000)
        const cbc = await collect(Readable.from([Buffer.from(text.slice(0, 7)), Buffer.from(text.slice(7))]),
          createCipheriv('aes-256-cbc', key, iv), createDecipheriv('aes-256-cbc', key, iv))
        const forged = createDecipheriv('aes-256-gcm', key, nonce)
        forged.setAuthTag(Buffer.alloc(16))
        const gcm = await collect(Readable.from([Buffer.from('data')]), forged)
        return Response.json([cbc === text, gcm])
      }`
    expect(await answer(source)).toEqual([true, 'Unsupported state or unable to authenticate data'])
  })

  test('Sign and Verify can be written to', async () => {
    const source = `import { createSign, createVerify, generateKeyPairSync } from 'node:crypto'
      import { Writable } from 'node:stream'
      export default async () => {
        const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const sign = createSign('sha256')
        sign.write('some data'); sign.end()
        const verify = createVerify('sha256')
        await new Promise((resolve) => { verify.end('some data', resolve) })
        return Response.json([verify.verify(publicKey, sign.sign(privateKey)), sign instanceof Writable])
      }`
    expect(await answer(source)).toEqual([true, true])
  })

  test('without node:stream in the bundle, the error says what to do', async () => {
    const source = `import { createHash, createCipheriv } from 'node:crypto'
      const attempt = (run) => { try { return run() } catch ({ code, message }) { return [code, message] } }
      export default () => Response.json([attempt(() => createHash('sha1').end('x')),
        createHash('sha1').update('x').digest('hex'),
        attempt(() => createCipheriv('aes-128-ecb', Buffer.alloc(16), null).pipe({}))])`
    const [first, hash, second] = (await answer(source)) as [string[], string, string[]]
    expect(first[0]).toBe('ERR_METHOD_NOT_IMPLEMENTED')
    expect(first[1]).toContain("Import 'node:stream'")
    expect(hash).toBe(createHash('sha1').update('x').digest('hex'))
    expect(second[0]).toBe('ERR_METHOD_NOT_IMPLEMENTED')
  })
})

describe('callbacks and promises', () => {
  test('call back after the code that called', async () => {
    const source = `import c from 'node:crypto'
      import { promisify } from 'node:util'
      const order = []
      export default async () => {
        const made = new Promise((resolve) => c.pbkdf2('a', 'b', 2, 8, 'sha256', (error, key) => {
          order.push('pbkdf2'); resolve([error, key.toString('hex')])
        }))
        order.push('after')
        const scrypt = await promisify(c.scrypt)('a', 'b', 8, { N: 2 })
        const hkdf = await promisify(c.hkdf)('sha256', 'a', 'b', 'c', 8)
        const bytes = await promisify(c.randomBytes)(5)
        const int = await promisify(c.randomInt)(3, 4)
        const filled = await promisify(c.randomFill)(Buffer.alloc(4))
        const { publicKey, privateKey } = await promisify(c.generateKeyPair)('ed25519')
        const key = await promisify(c.generateKey)('aes', { length: 128 })
        const signed = await promisify(c.sign)(null, Buffer.from('x'), privateKey)
        const verified = await promisify(c.verify)(null, Buffer.from('x'), publicKey, signed)
        const pair = await new Promise((resolve) => c.generateKeyPair('ec', { namedCurve: 'P-256',
          publicKeyEncoding: { type: 'spki', format: 'pem' } }, (...all) => resolve(all)))
        return Response.json([(await made)[1], order, scrypt.length, hkdf.byteLength, bytes.length, int, filled.length,
          key.symmetricKeySize, verified, pair[0], pair[1].slice(0, 26), pair[2].type])
      }`
    const { pbkdf2Sync } = await import('node:crypto')
    expect(await answer(source)).toEqual([
      pbkdf2Sync('a', 'b', 2, 8, 'sha256').toString('hex'),
      ['after', 'pbkdf2'],
      ...[8, 8, 5, 3, 4, 16, true, null, '-----BEGIN PUBLIC KEY-----', 'private'],
    ])
  })
})

describe('Web Cryptography', () => {
  test('KeyObject.from and toCryptoKey share the key', async () => {
    const source = `import { KeyObject, createHmac, createPublicKey, createSecretKey, generateKeyPairSync, sign, verify, webcrypto } from 'node:crypto'
      const { subtle } = webcrypto
      const data = Buffer.from('data')
      export default async () => {
        const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
        const web = await subtle.generateKey(ecdsa, true, ['sign', 'verify'])
        const own = KeyObject.from(web.privateKey)
        const p1363 = sign('sha256', data, { key: web.privateKey, dsaEncoding: 'ieee-p1363' })
        const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
        const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
        const signed = await subtle.sign(algorithm, rsa.privateKey.toCryptoKey(algorithm, false, ['sign']), data)
        const ed = generateKeyPairSync('ed25519')
        const edWeb = ed.publicKey.toCryptoKey('Ed25519', true, ['verify'])
        const secret = createSecretKey('key').toCryptoKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])
        let refused
        try { ed.publicKey.toCryptoKey('Nope', true, []) } catch (error) { refused = error.name }
        return Response.json([own.type, own.asymmetricKeyType, own.asymmetricKeyDetails,
          await subtle.verify(ecdsa, web.publicKey, p1363, data),
          verify('sha256', data, rsa.publicKey, Buffer.from(signed)),
          await subtle.verify('Ed25519', edWeb, sign(null, data, ed.privateKey), data),
          Buffer.from(await subtle.sign('HMAC', secret, data)).equals(createHmac('sha256', 'key').update(data).digest()),
          KeyObject.from(secret).export().toString(), createHmac('sha256', secret).update('').digest().length,
          createPublicKey(web.privateKey).equals(KeyObject.from(web.publicKey)), refused])
      }`
    expect(await answer(source)).toEqual([
      'private',
      'ec',
      { namedCurve: 'prime256v1' },
      ...[true, true, true, true, 'key', 32, true, 'NotSupportedError'],
    ])
  })
})
