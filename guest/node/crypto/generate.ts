/** generateKeyPair and generateKey, with their forms that return at once. */

import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import {
  argType,
  argValue,
  coded,
  MAX_INT32,
  MAX_UINT32,
  needFunction,
  needInteger,
  needObject,
  needOneOf,
  needString,
  notAvailable,
  openssl,
  orThrow,
} from './errors.ts'
import { type Encoding, encodeKey, parseEncoding } from './key-encoding.ts'
import { type KeyObject, keyObjectOf, secretKeyObject } from './keys.ts'
import { type KeyKind, type Material, type PssLimits, publicHalf, writeJwk } from './material.ts'
import { needCurve, needHash } from './names.ts'

type Key = KeyObject | string | Buffer | object
export interface Pair {
  publicKey: Key
  privateKey: Key
}
type Options = Record<string, unknown>

const NOT_HERE = ['dsa', 'dh', 'ed448', 'x448']

function rsaPair(options: Options, kind: 'rsa' | 'rsa-pss'): Material {
  const bits = needInteger(options.modulusLength, 'options.modulusLength', 0, MAX_UINT32)
  const { publicExponent = 0x10001 } = options
  const exponent = needInteger(publicExponent, 'options.publicExponent', 0, MAX_UINT32)
  const pss = kind === 'rsa-pss' ? pssLimits(options) : undefined
  if (exponent % 2 === 0 || exponent < 3 || exponent > MAX_INT32) {
    throw openssl('020000B2', 'rsa', 'pub exponent out of range')
  }
  const refused = () => {
    const message = `RSA keys of ${bits} bits are not supported: 1024 to 8192 bits are`
    return coded(Error, 'ERR_CRYPTO_OPERATION_FAILED', message)
  }
  const key = orThrow(() => native.rsaGenerate(bits, exponent), refused)
  return { kind, isPrivate: true, key, pss }
}

function pssLimits(options: Options): PssLimits | undefined {
  const { hashAlgorithm, mgf1HashAlgorithm, saltLength } = options
  if (saltLength !== undefined) needInteger(saltLength, 'options.saltLength', 0, MAX_INT32)
  const name = hashAlgorithm ?? mgf1HashAlgorithm
  if (name === undefined && saltLength === undefined) return undefined
  const hash = needHash(needString(name ?? 'sha1', 'options.hashAlgorithm'))
  const mgfHash = needHash(needString(mgf1HashAlgorithm ?? hash, 'options.mgf1HashAlgorithm'))
  return { hash, mgfHash, saltLength: (saltLength as number | undefined) ?? 20 }
}

function makePair(type: string, options: Options): Material {
  if (type === 'rsa' || type === 'rsa-pss') return rsaPair(options, type)
  if (type === 'ec') {
    const { jwk } = needCurve(needString(options.namedCurve, 'options.namedCurve'))
    needOneOf(options.paramEncoding, 'options.paramEncoding', [undefined, 'named'])
    return { kind: 'ec', curve: jwk, isPrivate: true, key: native.ecGenerate(jwk) }
  }
  const key = type === 'ed25519' ? native.edGenerate() : native.xGenerate()
  return { kind: type as KeyKind, isPrivate: true, key }
}

function encodingOf(value: unknown, kind: string, isPrivate: boolean): Encoding | undefined {
  const name = isPrivate ? 'options.privateKeyEncoding' : 'options.publicKeyEncoding'
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') throw argValue(name, value)
  return parseEncoding(value, { kind, isPrivate }, name)
}

const written = (material: Material, encoding: Encoding | undefined): Key =>
  encoding === undefined
    ? keyObjectOf(material)
    : encoding.format === 'jwk'
      ? writeJwk(material)
      : encodeKey(material, encoding)

export function generateKeyPairSync(type: unknown, options?: unknown): Pair {
  const name = needString(type, 'type')
  if (NOT_HERE.includes(name)) {
    throw notAvailable(`generateKeyPair('${name}')`, ': rsa, rsa-pss, ec, ed25519 and x25519 are')
  }
  const kinds = ['rsa', 'rsa-pss', 'ec', 'ed25519', 'x25519']
  if (!kinds.includes(name)) throw argValue('type', type, 'must be a supported key type')
  const needsOptions = name.startsWith('rsa') || name === 'ec'
  const given = needsOptions || options !== undefined ? needObject(options, 'options') : {}
  const { publicKeyEncoding, privateKeyEncoding } = given as Options
  const forPublic = encodingOf(publicKeyEncoding, name, false)
  const forPrivate = encodingOf(privateKeyEncoding, name, true)
  const material = makePair(name, given as Options)
  return {
    publicKey: written(publicHalf(material), forPublic),
    privateKey: written(material, forPrivate),
  }
}

type PairCallback = (error: Error | null, publicKey?: Key, privateKey?: Key) => void

/** The forms `(type, done)` and `(type, options, done)`. */
function callbackOf<C>(options: unknown, done: unknown): [unknown, C] {
  const isShort = typeof options === 'function' && done === undefined
  return [isShort ? undefined : options, needFunction(isShort ? options : done, 'callback') as C]
}

function generatePair(type: unknown, options: unknown, done?: unknown): void {
  const [given, callback] = callbackOf<PairCallback>(options, done)
  const { publicKey, privateKey } = generateKeyPairSync(type, given)
  queueMicrotask(() => callback(null, publicKey, privateKey))
}

/** util.promisify resolves with both keys. */
const promisable = <F extends object>(generate: F): F =>
  Object.assign(generate, {
    [Symbol.for('nodejs.util.promisify.custom')]: async (type: unknown, options?: unknown) =>
      generateKeyPairSync(type, options),
  })

// Pure for the bundler: a bundle that does not use it has no keys.
export const generateKeyPair = /* @__PURE__ */ promisable(generatePair)

export function generateKeySync(type: unknown, options: unknown): KeyObject {
  const name = needString(type, 'type')
  const { length } = needObject(options, 'options') as { length?: unknown }
  if (name === 'hmac') {
    needInteger(length, 'options.length', 8, MAX_INT32)
  } else if (name === 'aes') {
    if (typeof length !== 'number') throw argType('options.length', 'of type number', length)
    needOneOf(length, 'options.length', [128, 192, 256])
  } else {
    throw argValue('type', type, 'must be a supported key type')
  }
  return secretKeyObject(native.randomBytes(Math.floor((length as number) / 8)))
}

type KeyCallback = (error: Error | null, key?: KeyObject) => void

export function generateKey(type: unknown, options: unknown, done?: unknown): void {
  const [given, callback] = callbackOf<KeyCallback>(options, done)
  const key = generateKeySync(type, given)
  queueMicrotask(() => callback(null, key))
}
