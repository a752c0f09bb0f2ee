/** Encrypted or wrapped data that was changed, truncated, or is read with other parameters. */
import type { webcrypto } from 'node:crypto'
import { inWorker } from './harness.ts'

inWorker({
  'ciphertexts that were changed': async () => {
    const { subtle } = crypto
    const iv = new Uint8Array(16)
    const text = new Uint8Array(20).fill(3)
    const make = (name: string, usages: webcrypto.KeyUsage[]) =>
      subtle.generateKey({ name, length: 256 }, false, usages) as Promise<CryptoKey>
    const gcm = await make('AES-GCM', ['encrypt', 'decrypt'])
    const sealed = new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, gcm, text))
    for (let i = 0; i < sealed.length; i++) {
      const broken = sealed.slice()
      broken[i] = (broken[i] as number) ^ 128
      await rejects(subtle.decrypt({ name: 'AES-GCM', iv }, gcm, broken), 'OperationError')
    }
    for (const part of [sealed.subarray(1), sealed.subarray(0, 15), new Uint8Array()]) {
      await rejects(subtle.decrypt({ name: 'AES-GCM', iv }, gcm, part), 'OperationError')
    }
    const other = { name: 'AES-GCM', iv, additionalData: new Uint8Array(1) }
    await rejects(subtle.decrypt(other, gcm, sealed), 'OperationError')
    for (const tagLength of [0, 8, 31, 100, 127, 129, 255]) {
      await rejects(subtle.encrypt({ name: 'AES-GCM', iv, tagLength }, gcm, text), 'OperationError')
    }
    await rejects(
      subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array() }, gcm, text),
      'OperationError',
    )
    const cbc = await make('AES-CBC', ['encrypt', 'decrypt'])
    for (const bad of [new Uint8Array(), new Uint8Array(15), new Uint8Array(17)]) {
      await rejects(subtle.decrypt({ name: 'AES-CBC', iv }, cbc, bad), 'OperationError')
    }
    await rejects(
      subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(15) }, cbc, text),
      'OperationError',
    )
    const ctr = await make('AES-CTR', ['encrypt'])
    const count = (counter: Uint8Array<ArrayBuffer>, length: number, size: number) =>
      subtle.encrypt({ name: 'AES-CTR', counter, length }, ctr, new Uint8Array(size))
    for (const length of [0, 129, 255]) await rejects(count(iv, length, 1), 'OperationError')
    await rejects(count(new Uint8Array(8), 64, 1), 'OperationError')
    await rejects(count(iv, 1, 33), 'OperationError')
    same((await count(iv, 1, 32)).byteLength, 32)
    const kw = await make('AES-KW', ['wrapKey', 'unwrapKey'])
    const hmac = { name: 'HMAC', hash: 'SHA-1' }
    for (const size of [0, 8, 16, 23, 24, 25, 32]) {
      await rejects(
        subtle.unwrapKey('raw', new Uint8Array(size), kw, 'AES-KW', hmac, true, ['sign']),
        'OperationError',
      )
    }
    const odd = await subtle.importKey('raw', new Uint8Array(17), hmac, true, ['sign'])
    await rejects(subtle.wrapKey('raw', odd, kw, 'AES-KW'), 'OperationError')
  },
  'a JWK that is unwrapped is read in peace': async () => {
    const { subtle } = crypto
    const iv = new Uint8Array(12)
    const wrapping = (await subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, [
      'encrypt',
      'wrapKey',
      'unwrapKey',
    ])) as CryptoKey
    const gcm = { name: 'AES-GCM', iv }
    const unwrap = async (text: string) =>
      subtle.unwrapKey(
        'jwk',
        await subtle.encrypt(gcm, wrapping, new TextEncoder().encode(text)),
        wrapping,
        gcm,
        { name: 'HMAC', hash: 'SHA-1' },
        true,
        ['sign'],
      )
    for (const bad of [
      '',
      'null',
      '1',
      '[]',
      '{}',
      '{"kty":"oct"}',
      '{"kty":"oct","k":"+"}',
      '\0',
    ]) {
      await rejects(unwrap(bad), 'DataError')
    }
    const text = '{"kty":"oct","k":"AAAA","__proto__":{"ext":false}}'
    same((await unwrap(text)).algorithm, { name: 'HMAC', hash: { name: 'SHA-1' }, length: 24 })
    const names = ['toJSON', 'alg', 'use'] as const
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, { value: () => 'taken', configurable: true })
    }
    const key = await unwrap(text)
    const wrapped = await subtle.wrapKey('jwk', key, wrapping, gcm)
    for (const name of names) delete (Object.prototype as never as Record<string, unknown>)[name]
    const again = subtle.unwrapKey(
      'jwk',
      wrapped,
      wrapping,
      gcm,
      { name: 'HMAC', hash: 'SHA-1' },
      true,
      ['sign'],
    )
    same((await subtle.exportKey('jwk', await again)).k, 'AAAA')
  },
})
