/** Wrong and hostile arguments of Web Cryptography. */
import type { webcrypto } from 'node:crypto'
import { inWorker } from './harness.ts'

inWorker({
  'buffers that are gone, shared or not of a fixed size': async () => {
    const { subtle } = crypto
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    const hex = (buffer: ArrayBuffer) => new Uint8Array(buffer).toHex()
    const gone = new Uint8Array(10)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    same(hex(await subtle.digest('SHA-256', gone)), empty)
    same(hex(await subtle.digest('SHA-256', gone.buffer)), empty)
    const resizable = new ArrayBuffer(8, { maxByteLength: 16 })
    for (const bad of [
      resizable,
      new Uint8Array(resizable),
      new DataView(resizable),
      new SharedArrayBuffer(8),
      new Uint8Array(new SharedArrayBuffer(8)),
      [],
      'text',
      null,
      undefined,
      new Proxy(new Uint8Array(2), {}),
    ]) {
      await rejects(subtle.digest('SHA-256', bad as never), 'TypeError')
    }
    const view = new DataView(new Uint8Array([9, 97, 98, 99, 9]).buffer, 1, 3)
    same(
      hex(await subtle.digest('SHA-256', view)),
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  },
  'the data is taken after all getters have run, and copied': async () => {
    const { subtle } = crypto
    const key = await subtle.generateKey({ name: 'AES-CBC', length: 128 }, false, [
      'encrypt',
      'decrypt',
    ])
    const iv = new Uint8Array(16)
    const data = new Uint8Array(32).fill(1)
    const detaching = {
      name: 'AES-CBC',
      get iv() {
        structuredClone(data.buffer, { transfer: [data.buffer] })
        return iv
      },
    }
    same((await subtle.encrypt(detaching, key, data)).byteLength, 16)
    const later = new Uint8Array(3).fill(1)
    const promise = subtle.encrypt({ name: 'AES-CBC', iv }, key, later)
    later.fill(2)
    const plain = await subtle.decrypt({ name: 'AES-CBC', iv }, key, await promise)
    same(new Uint8Array(plain), new Uint8Array([1, 1, 1]))
    const changing = {
      name: 'AES-GCM',
      get tagLength() {
        gcmIv.fill(9)
        return 128
      },
      get iv() {
        return gcmIv
      },
    }
    const gcmIv = new Uint8Array(12)
    const gcm = await subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt'])
    const one = await subtle.encrypt(changing, gcm, later)
    const two = await subtle.encrypt({ name: 'AES-GCM', iv: gcmIv }, gcm, later)
    same(new Uint8Array(one), new Uint8Array(two))
  },
  'members are read in the order of WebIDL, once': async () => {
    const read: string[] = []
    const spy = (values: Record<string, unknown>) =>
      new Proxy(values, {
        get(target, name) {
          read.push(String(name))
          return target[name as string]
        },
      }) as never
    const { subtle } = crypto
    const secret = await subtle.importKey('raw', new Uint8Array(2), 'HKDF', false, ['deriveBits'])
    const bytes = new Uint8Array(1)
    await subtle.deriveBits(
      spy({ salt: bytes, info: bytes, hash: spy({ name: 'SHA-256' }), name: 'hkdf' }),
      secret,
      8,
    )
    same(read.splice(0), ['name', 'name', 'hash', 'info', 'salt', 'name', 'name'])
    await rejects(
      subtle.generateKey(
        spy({ publicExponent: bytes, hash: 'SHA-1', name: 'RSA-PSS', modulusLength: 1 }),
        true,
        [],
      ),
      'OperationError',
    )
    same(read.splice(0), ['name', 'name', 'modulusLength', 'publicExponent', 'hash'])
    await rejects(
      subtle.importKey('jwk', spy({ kty: 'oct', k: '' }), 'AES-CBC', true, []),
      'DataError',
    )
    same(read, [
      'alg',
      'crv',
      'd',
      'dp',
      'dq',
      'e',
      'ext',
      'k',
      'key_ops',
      'kty',
      'n',
      'oth',
      'p',
      'q',
      'qi',
      'use',
      'x',
      'y',
    ])
  },
  'names of algorithms': async () => {
    const { subtle } = crypto
    const data = new Uint8Array()
    same((await subtle.digest('sHa-1', data)).byteLength, 20)
    for (const name of ['SHA-224', 'MD5', '', 'SHA-1 ', '\u017fha-1', 'AES-CBC', '__proto__']) {
      await rejects(subtle.digest(name, data), 'NotSupportedError')
    }
    await rejects(
      subtle.generateKey({ name: 'AES-\u212aW', length: 128 }, true, ['wrapKey']),
      'NotSupportedError',
    )
    for (const bad of [{}, { name: undefined }, { name: Symbol('SHA-1') }, Symbol('SHA-1')]) {
      await rejects(subtle.digest(bad as never, data), 'TypeError')
    }
    await rejects(
      subtle.digest(
        {
          get name(): string {
            throw new RangeError('no')
          },
        },
        data,
      ),
      'RangeError',
    )
    for (const bad of [undefined, null, 1]) {
      await rejects(subtle.digest(bad as never, data), 'NotSupportedError')
    }
  },
  'numbers out of range': async () => {
    const { subtle } = crypto
    const aes = (length: unknown) =>
      subtle.generateKey({ name: 'AES-CBC', length: length as number }, true, ['encrypt'])
    for (const bad of [NaN, -1, 65536, Infinity, undefined, 'x', {}, Symbol('1'), 128n]) {
      await rejects(aes(bad), 'TypeError')
    }
    for (const bad of [0, 127, 129, 512]) await rejects(aes(bad), 'OperationError')
    same((await aes('128.9')).algorithm, { name: 'AES-CBC', length: 128 })
    const hmac = (length: number) =>
      subtle.generateKey({ name: 'HMAC', hash: 'SHA-1', length }, true, ['sign'])
    await rejects(hmac(0), 'OperationError')
    same(((await hmac(9)).algorithm as never as { length: number }).length, 9)
    const password = await subtle.importKey('raw', new Uint8Array(), 'PBKDF2', false, [
      'deriveBits',
    ])
    const derive = (iterations: number, length: number | null) =>
      subtle.deriveBits(
        { name: 'PBKDF2', hash: 'SHA-1', salt: new Uint8Array(), iterations },
        password,
        length as number,
      )
    await rejects(derive(0, 8), 'OperationError')
    await rejects(derive(2 ** 32, 8), 'TypeError')
    await rejects(derive(1, null), 'OperationError')
    await rejects(derive(1, 9), 'OperationError')
    same((await derive(1, 2 ** 32 + 8)).byteLength, 1)
    const secret = await subtle.importKey('raw', new Uint8Array(), 'HKDF', false, ['deriveBits'])
    const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new Uint8Array() }
    await rejects(subtle.deriveBits(hkdf, secret, 255 * 256 + 8), 'OperationError')
    same((await subtle.deriveBits(hkdf, secret, 255 * 256)).byteLength, 255 * 32)
  },
  'usages that a key has not': async () => {
    const { subtle } = crypto
    const iv = new Uint8Array(16)
    const import_ = (name: string, usages: webcrypto.KeyUsage[]) =>
      subtle.importKey('raw', iv, { name, hash: 'SHA-1' }, false, usages)
    const cbc = await import_('AES-CBC', ['encrypt'])
    await rejects(subtle.decrypt({ name: 'AES-CBC', iv }, cbc, iv), 'InvalidAccessError')
    await rejects(subtle.encrypt({ name: 'AES-GCM', iv }, cbc, iv), 'InvalidAccessError')
    await rejects(subtle.sign('HMAC', cbc, iv), 'InvalidAccessError')
    const kdf = await import_('HKDF', ['deriveBits'])
    await rejects(
      subtle.deriveKey(
        { name: 'HKDF', hash: 'SHA-1', salt: iv, info: iv },
        kdf,
        { name: 'AES-CBC', length: 128 },
        true,
        ['encrypt'],
      ),
      'InvalidAccessError',
    )
    await rejects(subtle.exportKey('raw', kdf), 'NotSupportedError')
    await rejects(import_('AES-CBC', []), 'SyntaxError')
    await rejects(import_('AES-CBC', ['sign']), 'SyntaxError')
    await rejects(import_('AES-CBC', ['fly' as never]), 'TypeError')
    await rejects(subtle.importKey('raw', iv, 'HKDF', true, ['deriveBits']), 'SyntaxError')
    await rejects(subtle.importKey('der' as never, iv, 'HKDF', false, ['deriveBits']), 'TypeError')
    await rejects(subtle.importKey('jwk', iv as never, 'AES-CBC', false, ['encrypt']), 'TypeError')
    await rejects(subtle.importKey('raw', {} as never, 'AES-CBC', false, ['encrypt']), 'TypeError')
    await rejects(subtle.encrypt({ name: 'AES-CBC', iv }, {} as never, iv), 'TypeError')
    const proxy = new Proxy(cbc, {})
    await rejects(subtle.encrypt({ name: 'AES-CBC', iv }, proxy, iv), 'TypeError')
    const heir = Object.create(cbc)
    await rejects(subtle.encrypt({ name: 'AES-CBC', iv }, heir, iv), 'TypeError')
  },
})
