/** KeyObject, and the keys that arguments hold: https://nodejs.org/api/crypto.html#class-keyobject */

import { equal } from 'fn:hash'
import * as native from 'fn:node-crypto'
import { Buffer } from 'node:buffer'
import { BYTES, bufferOf, dataBytes, isBytes, toBase64Url, viewOf } from './bytes.ts'
import { argType, argValue, coded, invalidKeyType, needObject, needOneOf } from './errors.ts'
import { encodeKey, type KeyEncoding, parseEncoding } from './key-encoding.ts'
import { type Context, readKey } from './key-input.ts'
import { type KeyType, setSlots, slotsOf, typeOf } from './key-slots.ts'
import { type KeyKind, type Material, publicBytes, publicHalf, writeJwk } from './material.ts'
import { byJwkName } from './names.ts'

let isMaking = false

/** The native key of a secret KeyObject. */
const secretOf = (key: KeyObject) => slotsOf(key).handle as native.Key
export const materialOf = (key: KeyObject) => slotsOf(key).handle as Material

export class KeyObject {
  constructor(type: KeyType, handle: object) {
    if (type !== 'secret' && type !== 'public' && type !== 'private') throw argValue('type', type)
    if (!isMaking) throw argType('handle', 'of type object', handle)
    setSlots(this, { type, handle: handle as native.Key | Material })
  }

  static from(key: CryptoKey): KeyObject {
    const found = fromCryptoKey(key)
    if (found === undefined) throw argType('key', 'an instance of CryptoKey', key)
    return found
  }

  get type(): KeyType {
    return slotsOf(this).type
  }

  get [Symbol.toStringTag](): string {
    return 'KeyObject'
  }

  equals(other: KeyObject): boolean {
    const type = typeOf(other)
    if (type === undefined) throw argType('otherKeyObject', 'an instance of KeyObject', other)
    if (type !== this.type) return false
    if (type === 'secret') {
      return sameBytes(native.secretBytes(secretOf(this)), native.secretBytes(secretOf(other)))
    }
    const [one, two] = [materialOf(this), materialOf(other)].map(publicHalf) as [Material, Material]
    if (one.kind !== two.kind || one.curve !== two.curve) return false
    return sameBytes(publicBytes(one), publicBytes(two))
  }

  /** The same key for crypto.subtle. */
  toCryptoKey(algorithm: unknown, extractable: boolean, usages: string[]): CryptoKey {
    if (this.type === 'secret') {
      const bytes = native.secretBytes(secretOf(this))
      return native.webImport('raw', bytes, algorithm, extractable, usages)
    }
    const format = this.type === 'public' ? 'spki' : 'pkcs8'
    const der = encodeKey(materialOf(this), { format: 'der', type: format }) as Buffer
    return native.webImport(format, der, algorithm, extractable, usages)
  }
}

const sameBytes = (a: ArrayBuffer | Uint8Array, b: ArrayBuffer | Uint8Array) =>
  a.byteLength === b.byteLength && equal(viewOf(a), viewOf(b))

export class SecretKeyObject extends KeyObject {
  get symmetricKeySize(): number {
    return native.secretBytes(secretOf(this)).byteLength
  }

  export(options?: { format?: 'buffer' | 'jwk' }): Buffer | object {
    const format = options === undefined ? undefined : needObject(options, 'options').format
    needOneOf(format, 'options.format', [undefined, 'buffer', 'jwk'])
    const bytes = native.secretBytes(secretOf(this))
    return format === 'jwk' ? { kty: 'oct', k: toBase64Url(bytes) } : bufferOf(bytes)
  }
}

class AsymmetricKeyObject extends KeyObject {
  get asymmetricKeyType(): KeyKind {
    return materialOf(this).kind
  }

  get asymmetricKeyDetails(): Record<string, unknown> {
    return detailsOf(materialOf(this))
  }
}

function detailsOf({ kind, key, curve, pss }: Material): Record<string, unknown> {
  if (kind === 'ec') return { namedCurve: byJwkName(curve)?.name }
  if (kind !== 'rsa' && kind !== 'rsa-pss') return {}
  const exponent = Buffer.from(native.rsaNumbers(key)[1] as ArrayBuffer).toString('hex')
  const details = { modulusLength: native.rsaBits(key), publicExponent: BigInt(`0x${exponent}`) }
  if (pss === undefined) return details
  const { hash, mgfHash, saltLength } = pss
  return { ...details, hashAlgorithm: hash, mgf1HashAlgorithm: mgfHash, saltLength }
}

export class PublicKeyObject extends AsymmetricKeyObject {
  export(options?: KeyEncoding): string | Buffer | object {
    return exportKey(materialOf(this), options)
  }
}

export class PrivateKeyObject extends AsymmetricKeyObject {
  export(options?: KeyEncoding): string | Buffer | object {
    return exportKey(materialOf(this), options)
  }
}

function exportKey(material: Material, options: KeyEncoding | undefined) {
  if (needObject(options, 'options').format === 'jwk') {
    if (options?.passphrase !== undefined || options?.cipher !== undefined) {
      const message = 'The selected key encoding jwk does not support encryption.'
      throw coded(Error, 'ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS', message)
    }
    return writeJwk(material)
  }
  return encodeKey(material, parseEncoding(options, material, 'options'))
}

/** Only here a KeyObject may be made. */
function make<K>(run: () => K): K {
  isMaking = true
  try {
    return run()
  } finally {
    isMaking = false
  }
}

export const keyObjectOf = (material: Material): KeyObject =>
  make(() =>
    material.isPrivate
      ? new PrivateKeyObject('private', material)
      : new PublicKeyObject('public', material),
  )

const secretObjectOf = (key: native.Key) => make(() => new SecretKeyObject('secret', key))

export const secretKeyObject = (bytes: Uint8Array | ArrayBuffer): SecretKeyObject =>
  secretObjectOf(native.secretKey(bytes))

function fromCryptoKey(value: unknown): KeyObject | undefined {
  const parts = native.webParts(value)
  if (parts === undefined) return undefined
  const { type, material, name, namedCurve } = parts
  if (type === 'secret') return secretObjectOf(material)
  const kind = name.startsWith('RSA') ? 'rsa' : name.startsWith('EC') ? 'ec' : name.toLowerCase()
  return keyObjectOf({
    kind: kind as KeyKind,
    curve: namedCurve,
    isPrivate: type === 'private',
    key: material,
  })
}

/** The KeyObject that a value is, or that shares the key of a CryptoKey. */
export const asKeyObject = (value: unknown): KeyObject | undefined =>
  typeof value !== 'object' || value === null
    ? undefined
    : typeOf(value) !== undefined
      ? (value as KeyObject)
      : isBytes(value)
        ? undefined
        : fromCryptoKey(value)

/** The key of an argument, as PEM, DER, JWK, KeyObject or CryptoKey. */
export function keyFrom(value: unknown, context: Context): Material {
  return readKey(value, context, (given) => {
    const object = asKeyObject(given)
    if (object === undefined) return undefined
    if (context === 'create private') {
      throw argType('key', `of type string or ${BYTES}`, given)
    }
    const { type } = object
    if (type === 'private' || (type === 'public' && context === 'use public')) {
      return materialOf(object)
    }
    const expected = context === 'use public' ? 'private or public' : 'private'
    throw invalidKeyType(type, expected)
  })
}

export function createSecretKey(key: unknown, encoding?: unknown): KeyObject {
  if (typeof key !== 'string' && !isBytes(key)) throw argType('key', BYTES, key)
  return secretKeyObject(dataBytes(key, 'key', encoding))
}

export function createPublicKey(key: unknown): KeyObject {
  return keyObjectOf(publicHalf(keyFrom(key, 'create public')))
}

export function createPrivateKey(key: unknown): KeyObject {
  return keyObjectOf(keyFrom(key, 'create private'))
}
