/** Digests, HMAC and key derivation against node:crypto, and the shape of the interfaces. */

import { expect, test } from 'bun:test'
import { createHash, createHmac, hkdfSync, pbkdf2Sync } from 'node:crypto'
import { inOwnWorker, inWorker, useTemplate } from './harness.ts'

const template = useTemplate()
const HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']
const nodeName = (hash: string) => hash.replace('-', '').toLowerCase()
/** Sizes around every block boundary, and beyond the 64 KiB of a request's first part. */
const SIZES = [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000, 65_537, 1_048_577]

function bytes(size: number): Uint8Array {
  const data = new Uint8Array(size)
  for (let i = 0; i < size; i++) data[i] = (i * 167 + (i >> 8)) & 255
  return data
}

test('every hash of every length is what node:crypto says', async () => {
  const worker = await template().worker({
    bundle: `export default async (request) => {
      const hash = new URL(request.url).searchParams.get('hash')
      const data = await request.arrayBuffer()
      const key = await crypto.subtle.importKey('raw', new Uint8Array(70).fill(5), { name: 'HMAC', hash }, false, ['sign'])
      return Response.json([
        new Uint8Array(await crypto.subtle.digest(hash, data)).toHex(),
        new Uint8Array(await crypto.subtle.sign('HMAC', key, data)).toHex(),
      ])
    }`,
  })
  for (const hash of HASHES) {
    for (const size of SIZES) {
      const data = bytes(size)
      const result = await worker.invoke({
        method: 'POST',
        url: `http://localhost/?hash=${hash}`,
        body: data,
      })
      expect(JSON.parse(result.text)).toEqual([
        createHash(nodeName(hash)).update(data).digest('hex'),
        createHmac(nodeName(hash), new Uint8Array(70).fill(5)).update(data).digest('hex'),
      ])
    }
  }
  worker.close()
})

test('HKDF and PBKDF2 are what node:crypto says', async () => {
  const worker = await template().worker({
    bundle: `export default async (request) => {
      const hash = new URL(request.url).searchParams.get('hash')
      const secret = new TextEncoder().encode('the password')
      const salt = new TextEncoder().encode('the salt')
      const bits = async (name, more, length) => {
        const key = await crypto.subtle.importKey('raw', secret, name, false, ['deriveBits'])
        return new Uint8Array(await crypto.subtle.deriveBits({ name, hash, salt, ...more }, key, length)).toHex()
      }
      return Response.json([
        await bits('HKDF', { info: new Uint8Array([1, 2]) }, 1000),
        await bits('HKDF', { info: new Uint8Array() }, 0),
        await bits('PBKDF2', { iterations: 1 }, 1000),
        await bits('PBKDF2', { iterations: 1001 }, 256),
      ])
    }`,
  })
  for (const hash of HASHES) {
    const name = nodeName(hash)
    const hkdf = (info: Uint8Array, size: number) =>
      Buffer.from(hkdfSync(name, 'the password', 'the salt', info, size)).toString('hex')
    const result = await worker.invoke({ url: `http://localhost/?hash=${hash}` })
    expect(JSON.parse(result.text)).toEqual([
      hkdf(new Uint8Array([1, 2]), 125),
      '',
      pbkdf2Sync('the password', 'the salt', 1, 125, name).toString('hex'),
      pbkdf2Sync('the password', 'the salt', 1001, 32, name).toString('hex'),
    ])
  }
  worker.close()
})

inWorker({
  'interfaces that cannot be constructed': async () => {
    const { subtle } = crypto
    same(crypto.subtle === subtle, true)
    same(crypto.subtle instanceof SubtleCrypto, true)
    throws(() => new SubtleCrypto(), 'TypeError')
    throws(() => new CryptoKey(), 'TypeError')
    throws(() => new (CryptoKey as never as new (...a: unknown[]) => unknown)({}, {}), 'TypeError')
    const get = Object.getOwnPropertyDescriptor(Crypto.prototype, 'subtle')?.get
    throws(() => get?.call({}), 'TypeError')
    await rejects(SubtleCrypto.prototype.digest.call({}, 'SHA-1', new Uint8Array()), 'TypeError')
    await rejects((crypto.subtle as never as { digest(): Promise<void> }).digest(), 'TypeError')
  },
  'a key shows what it is, and what is written there changes nothing': async () => {
    const key = await crypto.subtle.generateKey({ name: 'AES-CBC', length: 128 }, false, [
      'decrypt',
      'encrypt',
      'decrypt',
    ])
    same([key.type, key.extractable, key.usages], ['secret', false, ['encrypt', 'decrypt']])
    same(key.algorithm, { name: 'AES-CBC', length: 128 })
    const { algorithm, usages } = key
    same([key.algorithm === algorithm, key.usages === usages], [true, true])
    ;(key.algorithm as { name: string }).name = 'AES-GCM'
    key.usages.push('wrapKey')
    const iv = new Uint8Array(16)
    same((await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, key, iv)).byteLength, 32)
    await rejects(crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, iv), 'InvalidAccessError')
    await rejects(crypto.subtle.exportKey('raw', key), 'InvalidAccessError')
    await rejects(
      crypto.subtle.wrapKey('raw', key, key, { name: 'AES-CBC', iv } as never),
      'InvalidAccessError',
    )
    throws(
      () => Object.getOwnPropertyDescriptor(CryptoKey.prototype, 'type')?.get?.call({}),
      'TypeError',
    )
  },
  'a key is cloned': async () => {
    const key = await crypto.subtle.importKey(
      'raw',
      new Uint8Array(16).fill(1),
      { name: 'HMAC', hash: 'SHA-256' },
      true,
      ['sign'],
    )
    const { copy } = structuredClone({ copy: key })
    same([copy instanceof CryptoKey, copy === key], [true, false])
    same([copy.algorithm, copy.usages], [key.algorithm, key.usages])
    same(copy.algorithm === key.algorithm, false)
    same(
      await crypto.subtle.sign('HMAC', copy, new Uint8Array(3)),
      await crypto.subtle.sign('HMAC', key, new Uint8Array(3)),
    )
    throws(() => structuredClone(crypto.subtle), 'DataCloneError')
  },
  'more random bytes than there are at once': () => {
    const error = throws(() => crypto.getRandomValues(new Uint8Array(65537)), 'QuotaExceededError')
    same(
      [error instanceof DOMException, error.name, error.code, error.quota, error.requested],
      [true, 'QuotaExceededError', 22, null, null],
    )
  },
})

inOwnWorker({
  'prototypes that are changed change nothing': async () => {
    const { subtle } = crypto
    const names = ['iv', 'then', 'name', 'length', 'hash', 'toJSON', 'additionalData', 'tagLength']
    const seen: string[] = []
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, {
        get() {
          seen.push(name)
          return undefined
        },
        set() {
          seen.push(name)
        },
        configurable: true,
      })
    }
    Array.prototype[Symbol.iterator] = () => {
      throw new Error('an iterator was asked')
    }
    const usages = {
      [Symbol.iterator]() {
        let i = 0
        return { next: () => ({ done: i === 2, value: ['encrypt', 'decrypt'][i++] }) }
      },
    }
    const algorithm = { __proto__: null, name: 'AES-GCM', length: 128 }
    const key = (await subtle.generateKey(
      algorithm as never,
      true,
      usages as never,
    )) as never as CryptoKey
    const gcm = { __proto__: null, name: 'AES-GCM', iv: new Uint8Array(12) } as never
    const wrapped = await subtle.encrypt(gcm, key, new Uint8Array(3))
    same(new Uint8Array(await subtle.decrypt(gcm, key, wrapped)), new Uint8Array(3))
    same((await subtle.exportKey('jwk', key)).k?.length, 22)
    const digest = await subtle.digest('SHA-256', new Uint8Array(3))
    same(digest.byteLength, 32)
    // Resolving a promise with an object reads its `then`.
    const found = seen.filter((name) => name !== 'then')
    for (let i = 0; i < names.length; i++)
      delete (Object.prototype as Record<string, unknown>)[names[i] as string]
    same(found, [])
  },
})
