/** createECDH and diffieHellman. */

import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import { bufferOf, dataBytes, inEncoding } from './bytes.ts'
import {
  argValue,
  coded,
  invalidKeyType,
  needFunction,
  needObject,
  needString,
  openssl,
  orThrow,
} from './errors.ts'
import { asKeyObject, materialOf } from './keys.ts'
import { CURVES, needCurve } from './names.ts'
import { later } from './random.ts'

const failed = (message: string) => coded(Error, 'ERR_CRYPTO_OPERATION_FAILED', message)

/** A public point in one of the three forms. */
function formatted(point: Uint8Array, format: unknown): Uint8Array {
  if (format === undefined || format === 'uncompressed') return point
  const size = (point.length - 1) / 2
  const parity = (point[point.length - 1] as number) & 1
  if (format === 'compressed') {
    const short = point.slice(0, 1 + size)
    short[0] = 2 | parity
    return short
  }
  if (format !== 'hybrid') {
    const message = `Invalid ECDH format: ${format}`
    throw coded(TypeError, 'ERR_CRYPTO_ECDH_INVALID_FORMAT', message)
  }
  const hybrid = point.slice()
  hybrid[0] = 6 | parity
  return hybrid
}

/** The key of a point in any of the three forms. */
function readPoint(curve: string, bytes: Uint8Array): native.Key {
  const first = bytes[0] ?? 0
  if (first !== 6 && first !== 7) return native.ecImportPublic(curve, bytes)
  const plain = bytes.slice()
  plain[0] = 4
  if (((plain[plain.length - 1] as number) & 1) !== (first & 1)) {
    throw new DOMException('the hybrid point has the wrong parity', 'DataError')
  }
  return native.ecImportPublic(curve, plain)
}

export class ECDH {
  readonly #curve: string
  #private: native.Key | undefined
  #public: native.Key | undefined

  constructor(curve: unknown) {
    this.#curve = needCurve(needString(curve, 'curve')).jwk
  }

  static convertKey(
    key: unknown,
    curve: unknown,
    inputEncoding?: unknown,
    outputEncoding?: unknown,
    format?: unknown,
  ): Buffer | string {
    needString(curve, 'curve')
    const bytes = dataBytes(key, 'key', inputEncoding)
    const { jwk } = needCurve(curve as string)
    const read = () => readPoint(jwk, bytes)
    const point = orThrow(read, () => failed('Failed to convert Buffer to EC_POINT'))
    return inEncoding(formatted(new Uint8Array(native.ecPoint(point)), format), outputEncoding)
  }

  generateKeys(encoding?: unknown, format?: unknown): Buffer | string {
    this.#private = native.ecGenerate(this.#curve)
    this.#public = this.#private
    return this.getPublicKey(encoding, format)
  }

  computeSecret(other: unknown, inputEncoding?: unknown, outputEncoding?: unknown) {
    const bytes = dataBytes(other, 'otherPublicKey', inputEncoding)
    const own = this.#private
    if (own === undefined) {
      throw coded(RangeError, 'ERR_CRYPTO_INVALID_KEYPAIR', 'Invalid key pair')
    }
    const refused = () => {
      const message = 'Public key is not valid for specified curve'
      return coded(Error, 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY', message)
    }
    const secret = orThrow(() => native.ecDerive(own, readPoint(this.#curve, bytes)), refused)
    return inEncoding(secret, outputEncoding)
  }

  getPublicKey(encoding?: unknown, format?: unknown): Buffer | string {
    if (this.#public === undefined) throw failed('Failed to get ECDH public key')
    const point = new Uint8Array(native.ecPoint(this.#public))
    return inEncoding(formatted(point, format), encoding)
  }

  getPrivateKey(encoding?: unknown): Buffer | string {
    if (this.#private === undefined) throw failed('Failed to get ECDH private key')
    const secret = new Uint8Array(native.ecSecret(this.#private))
    // Node leaves out leading zeros.
    const first = secret.findIndex((byte) => byte !== 0)
    return inEncoding(secret.subarray(first), encoding)
  }

  setPrivateKey(key: unknown, encoding?: unknown): void {
    const bytes = dataBytes(key, 'key', encoding)
    const refused = () => {
      const message = 'Private key is not valid for specified curve.'
      return coded(RangeError, 'ERR_CRYPTO_INVALID_KEYTYPE', message)
    }
    this.#private = orThrow(() => native.ecImportPrivate(this.#curve, bytes, undefined), refused)
    this.#public = this.#private
  }

  setPublicKey(key: unknown, encoding?: unknown): void {
    const bytes = dataBytes(key, 'key', encoding)
    const read = () => readPoint(this.#curve, bytes)
    this.#public = orThrow(read, () => failed('Failed to convert Buffer to EC_POINT'))
  }
}

export const createECDH = (curve: unknown) => new ECDH(curve)

export const getCurves = (): string[] => CURVES.map(({ name }) => name)

type Callback = (error: Error | null, secret?: Buffer) => void

function keyOf(value: unknown, name: 'privateKey' | 'publicKey') {
  const object = asKeyObject(value)
  if (object === undefined) throw argValue(`options.${name}`, value)
  const { type } = object
  if (type !== 'private' && (name === 'privateKey' || type !== 'public')) {
    throw invalidKeyType(type, name === 'privateKey' ? 'private' : 'private or public')
  }
  return materialOf(object)
}

function derive(options: { privateKey?: unknown; publicKey?: unknown }): Buffer {
  const own = keyOf(options.privateKey, 'privateKey')
  const peer = keyOf(options.publicKey, 'publicKey')
  const isPossible = own.kind === 'ec' || own.kind === 'x25519'
  if (own.kind !== peer.kind || !isPossible) {
    const message = `Incompatible key types for Diffie-Hellman: ${own.kind} and ${peer.kind}`
    throw coded(Error, 'ERR_CRYPTO_INCOMPATIBLE_KEY', message)
  }
  if (own.curve !== peer.curve)
    throw openssl(
      '1C8000E5',
      'Provider',
      'mismatching domain parameters',
      'ERR_OSSL_MISMATCHING_DOMAIN_PARAMETERS',
    )
  const refused = () => openssl('1C8000D4', 'Provider', 'failed during derivation')
  const run = own.kind === 'ec' ? native.ecDerive : native.xDerive
  return bufferOf(orThrow(() => run(own.key, peer.key), refused))
}

export function diffieHellman(
  options: { privateKey?: unknown; publicKey?: unknown },
  done?: Callback,
): Buffer | undefined {
  needObject(options, 'options')
  if (done !== undefined) needFunction(done, 'callback')
  const secret = derive(options)
  return done === undefined ? secret : later(done, secret)
}
