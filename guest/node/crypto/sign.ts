/** Signatures: createSign, createVerify, sign and verify. */

import * as hashes from 'fn:hash'
import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import { bufferOf, dataBytes, inEncoding, updateBytes } from './bytes.ts'
import { constants } from './constants.ts'
import * as der from './der.ts'
import { argType, argValue, coded, needFunction, needString, openssl, orThrow } from './errors.ts'
import { keyFrom } from './keys.ts'
import { LateWritable } from './late-streams.ts'
import type { Material } from './material.ts'
import { byJwkName, HASH_SIZES, hashOf, needHash } from './names.ts'
import { later } from './random.ts'

type Callback<T> = (error: Error | null, value?: T) => void

interface SignOptions {
  padding?: unknown
  saltLength?: unknown
  dsaEncoding?: unknown
}

/** Checked options. */
interface Scheme {
  padding: number | undefined
  saltLength: number | undefined
  isP1363: boolean
}

function schemeOf(options: unknown): Scheme {
  const given = typeof options === 'object' && options !== null ? (options as SignOptions) : {}
  const { padding, saltLength, dsaEncoding } = given
  const int32 = (value: unknown, name: string) => {
    if (value === undefined) return undefined
    if (typeof value === 'number' && (value | 0) === value) return value
    throw argValue(`options.${name}`, value)
  }
  if (dsaEncoding !== undefined && dsaEncoding !== 'der' && dsaEncoding !== 'ieee-p1363') {
    throw argValue('options.dsaEncoding', dsaEncoding)
  }
  return {
    padding: int32(padding, 'padding'),
    saltLength: int32(saltLength, 'saltLength'),
    isP1363: dsaEncoding === 'ieee-p1363',
  }
}

/** What the native function takes for a salt of any length. */
const ANY_SALT = 2 ** 32 - 1

const wrongKeyType = () =>
  openssl(
    '03000096',
    'digital envelope',
    'operation not supported for this keytype',
    'ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE',
  )

const tooLarge = () =>
  openssl(
    '0200006E',
    'rsa',
    'data too large for key size',
    'ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE',
  )

const failed = () => coded(Error, 'ERR_CRYPTO_OPERATION_FAILED', 'The operation failed')

/** Undefined for PKCS #1 v1.5, else the length of PSS's salt; -1 is any. */
function saltOf(
  { kind, key, pss }: Material,
  { padding, saltLength }: Scheme,
  hash: string,
  isVerify: boolean,
) {
  const used =
    padding ?? (kind === 'rsa-pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING)
  if (used === constants.RSA_PKCS1_PADDING && kind === 'rsa') return undefined
  if (used !== constants.RSA_PKCS1_PSS_PADDING) {
    throw openssl('1C8000A5', 'Provider', 'illegal or unsupported padding mode')
  }
  checkPss(pss, hash, saltLength)
  const size = HASH_SIZES[hash] ?? 0
  const max = Math.ceil((native.rsaBits(key) - 1) / 8) - size - 2
  const wanted = saltLength ?? pss?.saltLength ?? constants.RSA_PSS_SALTLEN_AUTO
  if (wanted === constants.RSA_PSS_SALTLEN_DIGEST) return size
  if (wanted === constants.RSA_PSS_SALTLEN_AUTO) return isVerify ? -1 : Math.max(max, 0)
  if (wanted < 0) throw openssl('1C800070', 'Provider', 'invalid salt length')
  if (wanted > max && !isVerify) throw tooLarge()
  return wanted
}

function checkPss(pss: Material['pss'], hash: string, saltLength: number | undefined): void {
  if (pss === undefined) return
  if (pss.hash !== hash) {
    throw openssl('1C8000AE', 'Provider', 'digest not allowed')
  }
  if (pss.mgfHash !== hash) {
    const message = `RSA-PSS with MGF1 over another hash (${pss.mgfHash}) is not supported`
    throw coded(Error, 'ERR_CRYPTO_UNSUPPORTED_OPERATION', message)
  }
  if (saltLength !== undefined && saltLength >= 0 && saltLength < pss.saltLength) {
    throw openssl('1C800070', 'Provider', 'pss saltlen too small')
  }
}

/** DER of a signature of which r and s follow each other. */
function toDer(bytes: Uint8Array): Uint8Array {
  const half = bytes.length / 2
  return der.sequence(der.integer(bytes.subarray(0, half)), der.integer(bytes.subarray(half)))
}

/** r and s, each with the length of the curve's order; undefined for what is no signature. */
function fromDer(bytes: Uint8Array, size: number): Uint8Array | undefined {
  try {
    const all = new der.Reader(bytes)
    const pair = all.enter(der.SEQUENCE)
    const numbers = [pair.read(der.INTEGER), pair.read(der.INTEGER)]
    all.end()
    pair.end()
    const out = new Uint8Array(2 * size)
    numbers.forEach((number, i) => {
      const short = number[0] === 0 && number.length > 1 ? number.subarray(1) : number
      if (number.length === 0 || (number[0] as number) > 127 || short.length > size) {
        throw new der.DerError('not a number of the curve')
      }
      if (short !== number && (short[0] as number) < 128) {
        throw new der.DerError('not the shortest form')
      }
      out.set(short, (i + 1) * size - short.length)
    })
    return out
  } catch (error) {
    if (error instanceof der.DerError) return undefined
    throw error
  }
}

const orderSize = (curve: string | undefined) => byJwkName(curve)?.size ?? 0

function signDigest(material: Material, hash: string, digest: Uint8Array, scheme: Scheme): Buffer {
  const { kind, key } = material
  if (kind === 'ec') {
    const pair = new Uint8Array(orThrow(() => native.ecSignDigest(key, digest), failed))
    return bufferOf(scheme.isP1363 ? pair : toDer(pair))
  }
  if (kind !== 'rsa' && kind !== 'rsa-pss') throw wrongKeyType()
  const salt = saltOf(material, scheme, hash, false)
  return bufferOf(orThrow(() => native.rsaSignDigest(key, hash, digest, salt), tooLarge))
}

function verifyDigest(
  material: Material,
  hash: string,
  digest: Uint8Array,
  scheme: Scheme,
  signature: Uint8Array,
): boolean {
  const { kind, key, curve } = material
  if (kind === 'ec') {
    const pair = scheme.isP1363 ? signature : fromDer(signature, orderSize(curve))
    return pair !== undefined && native.ecVerifyDigest(key, digest, pair)
  }
  if (kind !== 'rsa' && kind !== 'rsa-pss') throw wrongKeyType()
  const salt = saltOf(material, scheme, hash, true)
  const wanted = salt === -1 ? ANY_SALT : salt
  return native.rsaVerifyDigest(key, hash, digest, wanted, signature)
}

const digestOf = (hash: string, data: Uint8Array): Uint8Array => {
  const hasher = hashes.createHash(hash)
  hashes.hashUpdate(hasher, data)
  return new Uint8Array(hashes.hashDigest(hasher))
}

/** The hash that an algorithm names, for keys that need one. */
function oneShotHash(algorithm: unknown, { kind, pss }: Material): string | undefined {
  const name =
    algorithm === undefined || algorithm === null ? undefined : needString(algorithm, 'algorithm')
  if (kind === 'ed25519') {
    if (name === undefined) return undefined
    throw openssl('1C80007A', 'Provider', 'invalid digest')
  }
  if (kind === 'x25519') throw wrongKeyType()
  return name === undefined ? (pss?.hash ?? 'sha256') : needHash(name)
}

function signNow(algorithm: unknown, data: unknown, key: unknown): Buffer {
  const bytes = dataBytes(data, 'data')
  const scheme = schemeOf(key)
  const material = keyFrom(key, 'use private')
  const hash = oneShotHash(algorithm, material)
  return hash === undefined
    ? bufferOf(native.edSign(material.key, bytes))
    : signDigest(material, hash, digestOf(hash, bytes), scheme)
}

function verifyNow(algorithm: unknown, data: unknown, key: unknown, signature: unknown): boolean {
  const bytes = dataBytes(data, 'data')
  const scheme = schemeOf(key)
  if (!ArrayBuffer.isView(signature)) {
    throw argType('signature', 'an instance of Buffer, TypedArray, or DataView', signature)
  }
  const material = keyFrom(key, 'use public')
  const given = dataBytes(signature, 'signature')
  const hash = oneShotHash(algorithm, material)
  return hash === undefined
    ? native.edVerify(material.key, bytes, given)
    : verifyDigest(material, hash, digestOf(hash, bytes), scheme, given)
}

/** Calls back with the result, or with the error that the operation threw. */
function answer<T>(run: () => T, done: Callback<T>): undefined {
  needFunction(done, 'callback')
  later(done, run())
}

export function sign(algorithm: unknown, data: unknown, key: unknown, done?: Callback<Buffer>) {
  if (!key) throw coded(Error, 'ERR_CRYPTO_SIGN_KEY_REQUIRED', 'No key provided to sign')
  const run = () => signNow(algorithm, data, key)
  return done === undefined ? run() : answer(run, done)
}

export function verify(
  algorithm: unknown,
  data: unknown,
  key: unknown,
  signature: unknown,
  done?: Callback<boolean>,
) {
  const run = () => verifyNow(algorithm, data, key, signature)
  return done === undefined ? run() : answer(run, done)
}

const notInitialised = () => coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Not initialised')

/** What Sign and Verify share: a hash of the data so far. */
class Signing extends LateWritable {
  readonly #hash: string
  readonly #hasher: hashes.Hasher
  #finished = false

  constructor(algorithm: unknown, options?: object) {
    super(options)
    const name = hashOf(needString(algorithm, 'algorithm'))
    if (name === undefined) {
      throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`)
    }
    this.#hash = name
    this.#hasher = hashes.createHash(name)
  }

  update(data: unknown, encoding?: unknown): this {
    if (this.#finished) throw notInitialised()
    hashes.hashUpdate(this.#hasher, updateBytes(data, 'data', encoding))
    return this
  }

  _write(chunk: unknown, encoding: unknown, done: () => void): void {
    this.update(chunk, encoding)
    done()
  }

  protected finish(): [string, Uint8Array] {
    if (this.#finished) throw notInitialised()
    this.#finished = true
    return [this.#hash, new Uint8Array(hashes.hashDigest(this.#hasher))]
  }
}

const needDigestKey = (material: Material): Material => {
  if (material.kind !== 'ed25519' && material.kind !== 'x25519') return material
  throw coded(Error, 'ERR_CRYPTO_UNSUPPORTED_OPERATION', 'Unsupported crypto operation')
}

export class Sign extends Signing {
  sign(key: unknown, encoding?: unknown): Buffer | string {
    if (!key) throw coded(Error, 'ERR_CRYPTO_SIGN_KEY_REQUIRED', 'No key provided to sign')
    const scheme = schemeOf(key)
    const material = needDigestKey(keyFrom(key, 'use private'))
    const [hash, digest] = this.finish()
    return inEncoding(signDigest(material, hash, digest, scheme), encoding)
  }
}

export class Verify extends Signing {
  verify(key: unknown, signature: unknown, encoding?: unknown): boolean {
    const scheme = schemeOf(key)
    const material = needDigestKey(keyFrom(key, 'use public'))
    const given = dataBytes(signature, 'signature', encoding)
    const [hash, digest] = this.finish()
    return verifyDigest(material, hash, digest, scheme, given)
  }
}

export const createSign = (algorithm: unknown, options?: object) => new Sign(algorithm, options)
export const createVerify = (algorithm: unknown, options?: object) => new Verify(algorithm, options)
