/**
 * Keys and their results move between the worker and the host's own Web Cryptography, in both
 * directions.
 */
import { describe, expect, test } from 'bun:test'
import type { webcrypto } from 'node:crypto'
import { useTemplate } from './harness.ts'

const template = useTemplate()

/**
 * A worker that imports a key, uses it and exports it again. Input: `{ format, key, algorithm,
 * usage, use, data, signature }`, with bytes as hex; output: `{ result, exported }`.
 */
const BUNDLE = `
const { subtle } = crypto
const toBytes = (value) => (typeof value === 'string' ? Uint8Array.fromHex(value) : value)
const decodeHex = (value) => {
  const copy = { ...value }
  for (const name of ['iv', 'counter', 'label', 'additionalData', 'publicExponent']) {
    if (name in copy) copy[name] = toBytes(copy[name])
  }
  return copy
}
const hex = (value) => (value instanceof ArrayBuffer ? new Uint8Array(value).toHex() : value)
export default async (request) => {
  const job = await request.json()
  if (job.generate) {
    const pair = await subtle.generateKey(decodeHex(job.algorithm), true, job.usages)
    const exported = {}
    for (const [name, format] of job.generate) {
      exported[name] = hex(await subtle.exportKey(format, name === 'key' ? pair : pair[name]))
    }
    return Response.json(exported)
  }
  const key = await subtle.importKey(job.format, toBytes(job.key), decodeHex(job.algorithm), true, [job.usage])
  const use = decodeHex(job.use)
  if (job.peer) use.public = await subtle.importKey('raw', toBytes(job.peer), decodeHex(job.algorithm), true, [])
  const given = job.usage === 'verify' ? [toBytes(job.signature), toBytes(job.data)]
    : job.usage === 'deriveBits' ? [job.bits] : [toBytes(job.data)]
  const result = await subtle[job.usage](use, key, ...given)
  return Response.json({ result: hex(result), exported: hex(await subtle.exportKey(job.format, key)) })
}`

type Json = Record<string, unknown>

async function ask(job: Json): Promise<Json> {
  const worker = await template().worker({ bundle: BUNDLE })
  const body = JSON.stringify(job)
  const result = await worker.invoke({ method: 'POST', body, cpuMs: 9_000, deadlineMs: 50_000 })
  worker.close()
  if (result.error !== undefined) throw new Error(result.error.message)
  return JSON.parse(result.text) as Json
}

const hex = (bytes: ArrayBuffer | Uint8Array) =>
  Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString('hex')
const bytes = (text: unknown) => new Uint8Array(Buffer.from(text as string, 'hex'))
const portable = (value: unknown) =>
  value instanceof ArrayBuffer || value instanceof Uint8Array ? hex(value) : value
const DATA = 'a message of some length, so that it takes more than one block of AES'
const data = new TextEncoder().encode(DATA)

/** Parameters for the key, and for its use. */
const SIGNATURES: [string, Json, Json][] = [
  ...['P-256', 'P-384', 'P-521'].flatMap((namedCurve): [string, Json, Json][] =>
    ['SHA-1', 'SHA-256', 'SHA-512'].map((hash) => [
      `ECDSA ${namedCurve} ${hash}`,
      { name: 'ECDSA', namedCurve },
      { name: 'ECDSA', hash },
    ]),
  ),
  ['Ed25519', { name: 'Ed25519' }, { name: 'Ed25519' }],
  ...['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'].flatMap((hash): [string, Json, Json][] => [
    [
      `RSASSA ${hash}`,
      {
        name: 'RSASSA-PKCS1-v1_5',
        hash,
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
      },
      { name: 'RSASSA-PKCS1-v1_5' },
    ],
    [
      `RSA-PSS ${hash}`,
      { name: 'RSA-PSS', hash, modulusLength: 2048, publicExponent: new Uint8Array([3]) },
      { name: 'RSA-PSS', saltLength: 20 },
    ],
  ]),
]

const sendable = (algorithm: Json) =>
  Object.fromEntries(Object.entries(algorithm).map(([name, value]) => [name, portable(value)]))

describe('signatures cross both ways', () => {
  for (const [name, algorithm, use] of SIGNATURES) {
    test(name, async () => {
      const pair = (await crypto.subtle.generateKey(algorithm as never, true, [
        'sign',
        'verify',
      ])) as CryptoKeyPair
      const common = { algorithm: sendable(algorithm), use, data: hex(data) }
      for (const format of ['pkcs8', 'jwk'] as const) {
        const key = portable(await crypto.subtle.exportKey(format as never, pair.privateKey))
        const made = await ask({ ...common, format, key, usage: 'sign' })
        const valid = crypto.subtle.verify(use as never, pair.publicKey, bytes(made.result), data)
        expect(await valid).toBe(true)
        if (format === 'pkcs8') expect(made.exported).toBe(key)
        else expect(made.exported).toMatchObject(withoutOps(key as Json))
      }
      const signature = new Uint8Array(
        await crypto.subtle.sign(use as never, pair.privateKey, data),
      )
      const raw = 'namedCurve' in algorithm || name === 'Ed25519' ? ['raw'] : []
      for (const format of ['spki', 'jwk', ...raw] as const) {
        const key = portable(await crypto.subtle.exportKey(format as never, pair.publicKey))
        const job = { ...common, format, key, usage: 'verify' }
        const seen = await ask({ ...job, signature: hex(signature) })
        expect(seen.result).toBe(true)
        if (format !== 'jwk') expect(seen.exported).toBe(key)
        for (const at of [0, signature.length >> 1, signature.length - 1]) {
          const broken = signature.slice()
          broken[at] = (broken[at] as number) ^ 1
          expect((await ask({ ...job, signature: hex(broken) })).result).toBe(false)
        }
        expect((await ask({ ...job, signature: hex(signature.subarray(1)) })).result).toBe(false)
        expect((await ask({ ...job, signature: '' })).result).toBe(false)
      }
    })
  }
})

function withoutOps({ key_ops: _, alg: __, ...jwk }: Json): Json {
  return jwk
}

/** Generating an RSA key is slow, so one serves all tests. */
const MADE_HERE = SIGNATURES.filter(
  ([name]) => !name.startsWith('RSA') || name === 'RSASSA SHA-256',
)

describe('keys that the worker made work here', () => {
  for (const [name, algorithm, use] of MADE_HERE) {
    test(name, async () => {
      const made = await ask({
        algorithm: sendable(algorithm),
        usages: ['sign', 'verify'],
        generate: [
          ['privateKey', 'pkcs8'],
          ['publicKey', 'spki'],
        ],
      })
      const { subtle } = crypto
      const importOne = (format: 'pkcs8' | 'spki', text: unknown, usage: webcrypto.KeyUsage) =>
        subtle.importKey(format, bytes(text), algorithm as never, true, [usage])
      const privateKey = await importOne('pkcs8', made.privateKey, 'sign')
      const publicKey = await importOne('spki', made.publicKey, 'verify')
      const signature = await subtle.sign(use as never, privateKey, data)
      expect(await subtle.verify(use as never, publicKey, signature, data)).toBe(true)
    })
  }
})

const iv12 = new Uint8Array(12).fill(7)
const iv16 = new Uint8Array(16).fill(9)
const wrapping = new Uint8Array(16).fill(255)
const CIPHERS: [string, string, Json][] = [
  ['AES-CBC', 'AES-CBC', { iv: iv16 }],
  ['AES-GCM', 'AES-GCM', { iv: iv12 }],
  ['AES-GCM, a long iv', 'AES-GCM', { iv: iv16, additionalData: iv12, tagLength: 96 }],
  ['AES-CTR', 'AES-CTR', { counter: iv16, length: 64 }],
  ['AES-CTR, 128 bits that overflow', 'AES-CTR', { counter: wrapping, length: 128 }],
  ['AES-CTR, 3 bits that overflow', 'AES-CTR', { counter: wrapping, length: 3 }],
  ['AES-CTR, 9 bits that overflow', 'AES-CTR', { counter: wrapping, length: 9 }],
]

describe('ciphers cross both ways', () => {
  for (const [title, name, parameters] of CIPHERS) {
    for (const length of [128, 192, 256]) {
      test(`${title}, ${length} bits`, async () => {
        const use = { name, ...parameters }
        const key = await crypto.subtle.generateKey({ name, length }, true, ['encrypt', 'decrypt'])
        for (const format of ['raw', 'jwk'] as const) {
          const exported = portable(await crypto.subtle.exportKey(format as never, key))
          const job = { format, key: exported, algorithm: { name }, use: sendable(use) }
          const sealed = await ask({ ...job, usage: 'encrypt', data: hex(data) })
          const own = await crypto.subtle.encrypt(use as never, key, data)
          expect(sealed.result).toBe(hex(own))
          const opened = await ask({ ...job, usage: 'decrypt', data: hex(own) })
          expect(opened.result).toBe(hex(data))
        }
      })
    }
  }

  for (const hash of ['SHA-1', 'SHA-256', 'SHA-512']) {
    test(`RSA-OAEP ${hash}`, async () => {
      const publicExponent = new Uint8Array([1, 0, 1])
      const algorithm = { name: 'RSA-OAEP', hash, modulusLength: 2048, publicExponent }
      const use = { name: 'RSA-OAEP', label: iv12 }
      const pair = await crypto.subtle.generateKey(algorithm, true, ['encrypt', 'decrypt'])
      const exported = hex(await crypto.subtle.exportKey('spki', pair.publicKey))
      const common = { algorithm: { name: 'RSA-OAEP', hash }, use: sendable(use) }
      const text = data.subarray(0, 40)
      const sealed = await ask({
        ...common,
        format: 'spki',
        key: exported,
        usage: 'encrypt',
        data: hex(text),
      })
      const opened = await crypto.subtle.decrypt(use, pair.privateKey, bytes(sealed.result))
      expect(hex(opened)).toBe(hex(text))
      const back = await ask({
        ...common,
        format: 'pkcs8',
        key: hex(await crypto.subtle.exportKey('pkcs8', pair.privateKey)),
        usage: 'decrypt',
        data: hex(await crypto.subtle.encrypt(use, pair.publicKey, text)),
      })
      expect(back.result).toBe(hex(text))
    })
  }
})

describe('a secret is agreed on', () => {
  for (const algorithm of [
    { name: 'ECDH', namedCurve: 'P-256' },
    { name: 'ECDH', namedCurve: 'P-384' },
    { name: 'ECDH', namedCurve: 'P-521' },
    { name: 'X25519' },
  ]) {
    test(`${algorithm.name} ${algorithm.namedCurve ?? ''}`, async () => {
      const { subtle } = crypto
      const make = async () =>
        (await subtle.generateKey(algorithm, true, ['deriveBits'])) as CryptoKeyPair
      const [own, peer] = [await make(), await make()]
      const bits = await subtle.deriveBits(
        { name: algorithm.name, public: peer.publicKey } as never,
        own.privateKey,
        128,
      )
      for (const format of ['pkcs8', 'jwk'] as const) {
        const key = portable(await subtle.exportKey(format as never, own.privateKey))
        const made = await ask({
          format,
          key,
          algorithm,
          usage: 'deriveBits',
          use: { name: algorithm.name },
          peer: hex(await subtle.exportKey('raw', peer.publicKey)),
          bits: 128,
        })
        expect(made.result).toBe(hex(bits))
      }
    })
  }
})
