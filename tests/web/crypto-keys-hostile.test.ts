/** Malformed, weak and malicious keys: each is a DataError and leaves nothing behind. */
import { expect, test } from 'bun:test'
import type { webcrypto } from 'node:crypto'
import { SANITIZED } from '../worker/harness.ts'
import { inWorker, useTemplate } from './harness.ts'

inWorker({
  'DER that is cut off or changed, byte by byte': async () => {
    const { subtle } = crypto
    const algorithms: [
      webcrypto.EcKeyGenParams | { name: string },
      webcrypto.KeyUsage,
      webcrypto.KeyUsage,
    ][] = [
      [{ name: 'ECDSA', namedCurve: 'P-256' }, 'sign', 'verify'],
      [{ name: 'Ed25519' }, 'sign', 'verify'],
    ]
    for (const [algorithm, forPrivate, forPublic] of algorithms) {
      const pair = (await subtle.generateKey(algorithm, true, [
        forPrivate,
        forPublic,
      ])) as CryptoKeyPair
      for (const format of ['pkcs8', 'spki'] as const) {
        const key = format === 'pkcs8' ? pair.privateKey : pair.publicKey
        const der = new Uint8Array(await subtle.exportKey(format, key))
        const load = (bytes: Uint8Array<ArrayBuffer>) =>
          subtle.importKey(format, bytes, algorithm, true, [
            format === 'pkcs8' ? forPrivate : forPublic,
          ])
        for (let i = 0; i < der.length; i++) await rejects(load(der.slice(0, i)), 'DataError')
        await rejects(load(new Uint8Array([...der, 0])), 'DataError')
        for (let i = 0; i < der.length; i++) {
          const broken = der.slice()
          broken[i] = (broken[i] as number) ^ 0x81
          // A changed secret is a valid secret; every other change must be refused.
          await load(broken).catch((error) => same(error.name, 'DataError'))
        }
      }
    }
  },
  'lengths that lie': async () => {
    const { subtle } = crypto
    const ec = { name: 'ECDSA', namedCurve: 'P-256' }
    for (const der of [
      [0x30, 0x80, 0x00, 0x00],
      [0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
      [0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x30, 0x02, 0x30, 0x7f],
      [0x30, 0x04, 0x30, 0x00, 0x03, 0x00],
      [0x30, 0x05, 0x30, 0x00, 0x03, 0x01, 0x07],
      [0x30],
      [],
    ]) {
      await rejects(
        subtle.importKey('spki', new Uint8Array(der), ec, true, ['verify']),
        'DataError',
      )
      await rejects(subtle.importKey('pkcs8', new Uint8Array(der), ec, true, ['sign']), 'DataError')
      await rejects(
        subtle.importKey('spki', new Uint8Array(der), { name: 'RSA-PSS', hash: 'SHA-1' }, true, [
          'verify',
        ]),
        'DataError',
      )
    }
  },
  'points that are not on the curve': async () => {
    const { subtle } = crypto
    const ec = { name: 'ECDH', namedCurve: 'P-256' }
    const load = (bytes: number[] | Uint8Array) =>
      subtle.importKey('raw', new Uint8Array(bytes), ec, true, [])
    const pair = await subtle.generateKey(ec, true, ['deriveBits'])
    const point = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
    same((await load(point)).type, 'public')
    for (const bad of [
      [],
      [0],
      [4],
      new Uint8Array(65),
      [4, ...new Array(64).fill(0)],
      [4, ...new Array(64).fill(255)],
      [...point.subarray(0, 64), (point[64] as number) ^ 1],
      [6, ...point.subarray(1)],
      point.subarray(0, 64),
      [...point, 0],
      [2, ...new Array(32).fill(255)],
    ]) {
      await rejects(load(bad), 'DataError')
    }
    const compressed = [2 + ((point[64] as number) & 1), ...point.subarray(1, 33)]
    same(new Uint8Array(await subtle.exportKey('raw', await load(compressed))), point)
    await rejects(
      subtle.importKey('raw', point, { name: 'ECDH', namedCurve: 'P-384' }, true, []),
      'DataError',
    )
    await rejects(
      subtle.importKey('raw', point, { name: 'ECDH', namedCurve: 'secp256k1' }, true, []),
      'NotSupportedError',
    )
    // Of small order: X25519 would return zeros.
    const x = await subtle.generateKey('X25519', true, ['deriveBits'])
    const { privateKey } = x as CryptoKeyPair
    for (const low of [new Uint8Array(32), new Uint8Array(32).fill(1, 0, 1)]) {
      const key = await subtle.importKey('raw', low, 'X25519', true, [])
      await rejects(
        subtle.deriveBits({ name: 'X25519', public: key }, privateKey, 256),
        'OperationError',
      )
    }
  },
  'JWKs whose parts do not belong together': async () => {
    const { subtle } = crypto
    const ec = { name: 'ECDSA', namedCurve: 'P-256' }
    const make = async (algorithm: never) => {
      const { privateKey } = (await subtle.generateKey(algorithm, true, [
        'sign',
        'verify',
      ])) as CryptoKeyPair
      return subtle.exportKey('jwk', privateKey)
    }
    for (const [algorithm, alg] of [
      [ec, 'ES256'],
      ['Ed25519', 'EdDSA'],
    ] as const) {
      const one = await make(algorithm as never)
      const two = await make(algorithm as never)
      const load = (change: object, usages: webcrypto.KeyUsage[] = ['sign'], extractable = true) =>
        subtle.importKey('jwk', { ...one, ...change }, algorithm as never, extractable, usages)
      same((await load({ alg })).type, 'private')
      same(
        (await load({ alg: undefined, d: undefined, key_ops: undefined }, ['verify'])).type,
        'public',
      )
      for (const change of [
        { x: two.x },
        { d: two.d },
        { d: `${one.d}AAAA` },
        { d: '' },
        { x: '' },
        { x: undefined },
        { kty: 'RSA' },
        { kty: undefined },
        { crv: 'P-384' },
        { alg: 'ES384' },
        { use: 'enc' },
        { key_ops: ['verify'] },
        { key_ops: ['sign', 'sign'] },
        { key_ops: ['sign', 'odd', 'odd'] },
        { ext: false },
        { x: `${one.x}=` },
        { x: ` ${one.x}` },
        { x: `\u00e9${one.x}` },
      ]) {
        await rejects(load(change), 'DataError')
      }
      same((await load({ ext: false }, ['sign'], false)).extractable, false)
      await rejects(load({}, ['verify']), 'SyntaxError')
      await rejects(load({}, []), 'SyntaxError')
      await rejects(load({ key_ops: 5 }), 'TypeError')
    }
    const oct = { kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAA' }
    const aes = (change: object, name = 'AES-GCM') =>
      subtle.importKey('jwk', { ...oct, ...change }, name, true, ['encrypt'])
    same((await aes({ alg: 'A128GCM', use: 'enc' })).type, 'secret')
    for (const change of [{ alg: 'A128CBC' }, { alg: 'A256GCM' }, { use: 'sig' }, { k: 'AAAA' }]) {
      await rejects(aes(change), 'DataError')
    }
  },
  'RSA keys that are weak, too large or inconsistent': async () => {
    const { subtle } = crypto
    const pss = { name: 'RSA-PSS', hash: 'SHA-256' }
    const generate = (modulusLength: number, publicExponent: number[]) =>
      subtle.generateKey(
        { ...pss, modulusLength, publicExponent: new Uint8Array(publicExponent) },
        true,
        ['sign'],
      )
    for (const exponent of [
      [],
      [0],
      [1],
      [2],
      [1, 0, 0],
      [1, 0, 0, 0, 1],
      new Array(300).fill(255),
    ]) {
      await rejects(generate(2048, exponent), 'OperationError')
    }
    for (const bits of [0, 1, 512, 1022, 2047, 8194, 16384, 4294967295]) {
      await rejects(generate(bits, [1, 0, 1]), 'OperationError')
    }
    const { privateKey, publicKey } = (await subtle.generateKey(
      { ...pss, modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    )) as CryptoKeyPair
    const jwk = await subtle.exportKey('jwk', privateKey)
    const load = (change: object) =>
      subtle.importKey('jwk', { ...jwk, ...change }, pss, true, ['sign'])
    same((await load({})).type, 'private')
    const { p, q, dp, dq, qi, ...short } = jwk
    same(
      (await subtle.exportKey('jwk', await subtle.importKey('jwk', short, pss, true, ['sign']))).d,
      jwk.d,
    )
    for (const change of [
      { n: jwk.d },
      { n: '' },
      { n: 'AA' },
      { e: 'AA' },
      { e: 'Ag' },
      { e: jwk.n },
      { d: jwk.e },
      { p: jwk.q },
      { q: 'Aw' },
      { d: 'AA' },
      { p: 'AA', q: 'AA' },
      { dp: jwk.dq },
      { qi: jwk.dp },
      { qi: undefined },
      { p: undefined },
      { d: 'A'.repeat(100_000) },
      { n: 'A'.repeat(1_000_000) },
    ]) {
      await rejects(load(change), 'DataError')
    }
    await rejects(load({ oth: [] }), 'NotSupportedError')
    const sign = (saltLength: number) =>
      subtle.sign({ name: 'RSA-PSS', saltLength }, privateKey, new Uint8Array())
    same((await sign(94)).byteLength, 128)
    for (const salt of [95, 128, 2 ** 31, 2 ** 32 - 1]) await rejects(sign(salt), 'OperationError')
    const verify = (saltLength: number, signature: Uint8Array<ArrayBuffer>) =>
      subtle.verify({ name: 'RSA-PSS', saltLength }, publicKey, signature, new Uint8Array())
    for (const salt of [32, 95, 2 ** 32 - 1]) {
      same(await verify(salt, new Uint8Array(128).fill(255)), false)
      same(await verify(salt, new Uint8Array(128)), false)
    }
    const oaep = { name: 'RSA-OAEP', hash: 'SHA-512' }
    const der = await subtle.exportKey('spki', publicKey)
    const small = await subtle.importKey('spki', der, oaep, true, ['encrypt'])
    await rejects(subtle.encrypt('RSA-OAEP', small, new Uint8Array(1)), 'OperationError')
  },
})

const template = useTemplate()

// The sanitized build keeps freed memory for a while, so its heap size has no meaning.
test.skipIf(SANITIZED)('10,000 failures of each kind leave the heap where it was', async () => {
  const worker = await template().worker({
    bundle: `
      const { subtle } = crypto
      const iv = new Uint8Array(12)
      const junk = new Uint8Array(65).fill(4)
      const kinds = [
        () => subtle.importKey('spki', junk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
        () => subtle.importKey('raw', junk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']),
        () => subtle.importKey('pkcs8', junk, { name: 'RSA-PSS', hash: 'SHA-1' }, true, ['sign']),
        () => subtle.importKey('jwk', { kty: 'RSA', n: 'AQAB', e: 'AQAB', d: 'AQAB' }, { name: 'RSA-PSS', hash: 'SHA-1' }, true, ['sign']),
        () => subtle.importKey('jwk', { kty: 'OKP', crv: 'Ed25519', x: 'AA' }, 'Ed25519', true, ['verify']),
        (key) => subtle.decrypt({ name: 'AES-GCM', iv }, key, junk),
        (key) => subtle.decrypt({ name: 'AES-CBC', iv }, key, junk),
        (key) => subtle.exportKey('spki', key),
      ]
      export default async (request) => {
        const key = await subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['decrypt'])
        const count = Number(new URL(request.url).searchParams.get('count'))
        let failed = 0
        for (let i = 0; i < count; i++) {
          for (const run of kinds) await run(key).catch(() => failed++)
        }
        return Response.json(failed)
      }`,
  })
  // More CPU time than a worker may use before the host has set its budget.
  template().send({ type: 'limit', worker: worker.number, cpu_ms: 120_000 })
  const heapAfter = async (count: number) => {
    const result = await worker.invoke({
      url: `http://localhost/?count=${count}`,
      cpuMs: 60_000,
      deadlineMs: 60_000,
    })
    if (result.error !== undefined) throw new Error(result.error.message)
    expect(JSON.parse(result.text)).toBe(8 * count)
    return result.messages.find(({ type }) => type === 'done')?.heap_bytes as number
  }
  const before = await heapAfter(100)
  const after = await heapAfter(10_000)
  expect(after - before).toBeLessThan(64 * 1024)
  worker.close()
})
