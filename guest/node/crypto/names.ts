/** The names of hashes, curves and ciphers. */

import { coded } from './errors.ts'

/** By native name: those that JWTs, webhooks and older protocols use. */
export const HASHES = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']

export const HASH_SIZES: Record<string, number> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** The native name of a hash; undefined if it is not supported. */
export function hashOf(name: string): string | undefined {
  const plain = name.toLowerCase()
  const match = /^(?:rsa-|ssl3-)?(md5|sha)-?(1|224|256|384|512)?(?:withrsaencryption)?$/.exec(plain)
  const found = match === null ? undefined : `${match[1]}${match[2] ?? ''}`
  return found !== undefined && HASHES.includes(found) ? found : undefined
}

/** @throws TypeError with Node's code for a hash that does not exist */
export function needHash(name: string): string {
  const found = hashOf(name)
  if (found === undefined) {
    throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${name}`)
  }
  return found
}

interface Curve {
  /** The native name, which is that of JWK too. */
  jwk: string
  /** OpenSSL's name, which Node shows. */
  name: string
  oid: string
  /** The length of a coordinate in bytes. */
  size: number
}

export const CURVES: readonly Curve[] = [
  { jwk: 'P-256', name: 'prime256v1', oid: '1.2.840.10045.3.1.7', size: 32 },
  { jwk: 'P-384', name: 'secp384r1', oid: '1.3.132.0.34', size: 48 },
  { jwk: 'P-521', name: 'secp521r1', oid: '1.3.132.0.35', size: 66 },
  { jwk: 'secp256k1', name: 'secp256k1', oid: '1.3.132.0.10', size: 32 },
]

export function curveOf(name: string): Curve | undefined {
  const known = name === 'secp256r1' ? 'prime256v1' : name
  return CURVES.find((curve) => curve.name === known || curve.jwk === known)
}

export function needCurve(name: string): Curve {
  const found = curveOf(name)
  if (found === undefined) {
    throw coded(TypeError, 'ERR_CRYPTO_INVALID_CURVE', 'Invalid EC curve name')
  }
  return found
}

export const byJwkName = (jwk: string | undefined) => CURVES.find((curve) => curve.jwk === jwk)

export type CipherMode = 'ecb' | 'cbc' | 'ctr' | 'gcm'

export interface CipherKind {
  name: string
  mode: CipherMode
  keyLength: number
  ivLength: number
  nid: number
}

const NIDS: Record<CipherMode, [number, number, number]> = {
  ecb: [418, 422, 426],
  cbc: [419, 423, 427],
  ctr: [904, 905, 906],
  gcm: [895, 898, 901],
}

/** AES of every key length in every mode. */
export function cipherOf(name: string): CipherKind | undefined {
  const plain = name.toLowerCase()
  const long = /^id-aes(128|192|256)-gcm$/.exec(plain)
  const short = /^aes(128|192|256)$/.exec(plain)
  const match = /^aes-(128|192|256)-(ecb|cbc|ctr|gcm)$/.exec(
    long !== null ? `aes-${long[1]}-gcm` : short !== null ? `aes-${short[1]}-cbc` : plain,
  )
  if (match === null) return undefined
  const bits = Number(match[1])
  const mode = match[2] as CipherMode
  return {
    name: mode === 'gcm' ? `id-aes${bits}-gcm` : `aes-${bits}-${mode}`,
    mode,
    keyLength: bits / 8,
    ivLength: mode === 'ecb' ? 0 : mode === 'gcm' ? 12 : 16,
    nid: NIDS[mode][bits / 64 - 2] as number,
  }
}

export function needCipher(name: string): CipherKind {
  const found = cipherOf(name)
  if (found === undefined) throw coded(Error, 'ERR_CRYPTO_UNKNOWN_CIPHER', 'Unknown cipher')
  return found
}

/** The names that getCiphers returns. */
export const cipherNames = () =>
  ['128', '192', '256'].flatMap((bits) => [
    ...['cbc', 'ctr', 'ecb', 'gcm'].map((mode) => `aes-${bits}-${mode}`),
    `aes${bits}`,
    `id-aes${bits}-GCM`,
  ])
