/** Key material of the worker with what Node shows of it, and its forms in DER and JWK. */

import * as native from 'fn:node-crypto'
import { fromBase64Url, toBase64Url } from './bytes.ts'
import * as der from './der.ts'
import { argType, coded, needObject, needOneOf, needString, orThrow } from './errors.ts'
import { byJwkName, CURVES } from './names.ts'

export type KeyKind = 'rsa' | 'rsa-pss' | 'ec' | 'ed25519' | 'x25519'

/** What an RSA-PSS key allows; undefined members are not restricted. */
export interface PssLimits {
  hash: string
  mgfHash: string
  saltLength: number
}

export interface Material {
  kind: KeyKind
  isPrivate: boolean
  key: native.Key
  /** The native name of the curve of an EC key. */
  curve?: string | undefined
  pss?: PssLimits | undefined
}

const RSA = '1.2.840.113549.1.1.1'
const RSA_PSS = '1.2.840.113549.1.1.10'
const EC = '1.2.840.10045.2.1'
const X25519 = '1.3.101.110'
const ED25519 = '1.3.101.112'

const HASH_OIDS: Record<string, string> = {
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}
const MGF1 = '1.2.840.113549.1.1.8'

const ed25519 = () => ({
  oid: ED25519,
  crv: 'Ed25519',
  importPublic: native.edImportPublic,
  importPrivate: native.edImportPrivate,
  publicBytes: native.edPublic,
  secretBytes: native.edSecret,
})

const x25519 = () => ({
  oid: X25519,
  crv: 'X25519',
  importPublic: native.xImportPublic,
  importPrivate: native.xImportPrivate,
  publicBytes: native.xPublic,
  secretBytes: native.xSecret,
})

const okpOf = (kind: KeyKind) => (kind === 'ed25519' ? ed25519() : x25519())

class UnsupportedKey extends Error {}

interface Identifier {
  kind: KeyKind
  curve?: string | undefined
  pss?: PssLimits | undefined
}

function readIdentifier(reader: der.Reader): Identifier {
  const oid = reader.readOid()
  if (oid === EC) {
    const curve = reader.readOid()
    const known = CURVES.find((one) => one.oid === curve)
    if (known === undefined) throw new UnsupportedKey(`the curve ${curve}`)
    return { kind: 'ec', curve: known.jwk }
  }
  if (oid === RSA) {
    reader.optional(der.NULL)
    return { kind: 'rsa' }
  }
  if (oid === RSA_PSS) {
    const params = reader.done ? undefined : reader.enter(der.SEQUENCE)
    return { kind: 'rsa-pss', pss: params && readPss(params) }
  }
  const kind = oid === ED25519 ? 'ed25519' : oid === X25519 ? 'x25519' : undefined
  if (kind === undefined) throw new UnsupportedKey(`the algorithm ${oid}`)
  return { kind }
}

function readHash(reader: der.Reader): string {
  const oid = reader.readOid()
  const found = Object.keys(HASH_OIDS).find((name) => HASH_OIDS[name] === oid)
  if (found === undefined) throw new UnsupportedKey(`the hash ${oid}`)
  return found
}

function readPss(reader: der.Reader): PssLimits {
  const limits = { hash: 'sha1', mgfHash: 'sha1', saltLength: 20 }
  const hash = reader.optional(der.tagged(0))
  if (hash) limits.hash = readHash(new der.Reader(hash).enter(der.SEQUENCE))
  const mgf = reader.optional(der.tagged(1))
  if (mgf) {
    const inside = new der.Reader(mgf).enter(der.SEQUENCE)
    if (inside.readOid() !== MGF1) throw new UnsupportedKey('the mask function')
    limits.mgfHash = readHash(inside.enter(der.SEQUENCE))
  }
  const salt = reader.optional(der.tagged(2))
  if (salt) limits.saltLength = new der.Reader(salt).readNumber()
  return limits
}

function pssParams({ hash, mgfHash, saltLength }: PssLimits): Uint8Array {
  const identifier = (name: string) => der.sequence(der.oid(HASH_OIDS[name] ?? ''), der.nothing())
  return der.sequence(
    der.value(der.tagged(0), identifier(hash)),
    der.value(der.tagged(1), der.sequence(der.oid(MGF1), identifier(mgfHash))),
    der.value(der.tagged(2), der.small(saltLength)),
  )
}

function identifierOf({ kind, curve, pss }: Material): Uint8Array {
  if (kind === 'ec') return der.sequence(der.oid(EC), der.oid(byJwkName(curve)?.oid ?? ''))
  if (kind === 'rsa') return der.sequence(der.oid(RSA), der.nothing())
  if (kind === 'rsa-pss') return der.sequence(der.oid(RSA_PSS), ...(pss ? [pssParams(pss)] : []))
  return der.sequence(der.oid(okpOf(kind).oid))
}

/** A SubjectPublicKeyInfo. */
export function readSpki(bytes: Uint8Array): Material {
  const all = new der.Reader(bytes)
  const info = all.enter(der.SEQUENCE)
  all.end()
  const identifier = readIdentifier(info.enter(der.SEQUENCE))
  const key = info.readBits()
  info.end()
  return { ...identifier, isPrivate: false, key: publicFrom(identifier, key) }
}

function publicFrom({ kind, curve }: Identifier, bytes: Uint8Array): native.Key {
  if (kind === 'ec') return native.ecImportPublic(curve as string, bytes)
  return kind === 'rsa' || kind === 'rsa-pss'
    ? native.rsaImportPublic(bytes)
    : okpOf(kind).importPublic(bytes)
}

/** The public key in an X.509 certificate, whose signature and dates are not checked. */
export function readCertificate(bytes: Uint8Array): Material {
  const certificate = new der.Reader(bytes).enter(der.SEQUENCE).enter(der.SEQUENCE)
  certificate.optional(der.tagged(0))
  certificate.read(der.INTEGER)
  for (let i = 0; i < 4; i++) certificate.read(der.SEQUENCE) // signature, issuer, validity, subject
  return readSpki(certificate.readWhole(der.SEQUENCE))
}

/** A PKCS #8 PrivateKeyInfo that is not encrypted. */
export function readPkcs8(bytes: Uint8Array): Material {
  const all = new der.Reader(bytes)
  const info = all.enter(der.SEQUENCE)
  if (info.readNumber() > 1) throw new der.DerError('not a version of PKCS #8')
  const identifier = readIdentifier(info.enter(der.SEQUENCE))
  const key = info.read(der.OCTET_STRING)
  const { kind } = identifier
  if (kind === 'ec') return readSec1(key, identifier.curve)
  if (kind === 'rsa' || kind === 'rsa-pss') {
    return { ...identifier, isPrivate: true, key: native.rsaImportPrivate(key) }
  }
  const secret = new der.Reader(key).read(der.OCTET_STRING)
  return { kind, isPrivate: true, key: okpOf(kind).importPrivate(secret) }
}

/** An ECPrivateKey; `curve` is what surrounds it, if that says so. */
export function readSec1(bytes: Uint8Array, curve?: string): Material {
  const key = new der.Reader(bytes).enter(der.SEQUENCE)
  if (key.readNumber() !== 1) throw new der.DerError('not a version of ECPrivateKey')
  const secret = key.read(der.OCTET_STRING)
  const params = key.optional(der.tagged(0))
  const own = params && new der.Reader(params).readOid()
  const named = curve ?? CURVES.find((one) => one.oid === own)?.jwk
  if (named === undefined) throw new UnsupportedKey(`the curve ${own}`)
  const point = key.optional(der.tagged(1))
  const bits = point && new der.Reader(point).readBits()
  return {
    kind: 'ec',
    curve: named,
    isPrivate: true,
    key: native.ecImportPrivate(named, secret, bits),
  }
}

export function readPkcs1(bytes: Uint8Array, isPrivate: boolean): Material {
  const key = (isPrivate ? native.rsaImportPrivate : native.rsaImportPublic)(bytes)
  return { kind: 'rsa', isPrivate, key }
}

const arrayOf = (buffer: ArrayBuffer) => new Uint8Array(buffer)

/** The content of a SubjectPublicKeyInfo. */
export function publicBytes({ kind, key }: Material): Uint8Array {
  if (kind === 'ec') return arrayOf(native.ecPoint(key))
  if (kind !== 'rsa' && kind !== 'rsa-pss') return arrayOf(okpOf(kind).publicBytes(key))
  return arrayOf(native.rsaWrite(key))
}

export function writeSpki(material: Material): Uint8Array {
  return der.sequence(identifierOf(material), der.bits(publicBytes(material)))
}

export function writeSec1({ key, curve }: Material, withCurve: boolean): Uint8Array {
  const named = der.value(der.tagged(0), der.oid(byJwkName(curve)?.oid ?? ''))
  return der.sequence(
    der.small(1),
    der.octets(arrayOf(native.ecSecret(key))),
    ...(withCurve ? [named] : []),
    der.value(der.tagged(1), der.bits(arrayOf(native.ecPoint(key)))),
  )
}

export const writePkcs1 = ({ key }: Material) => arrayOf(native.rsaWrite(key))

export function writePkcs8(material: Material): Uint8Array {
  const { kind, key } = material
  const isRsa = kind === 'rsa' || kind === 'rsa-pss'
  const content = isRsa
    ? writePkcs1(material)
    : kind === 'ec'
      ? writeSec1(material, false)
      : der.octets(arrayOf(okpOf(kind).secretBytes(key)))
  return der.sequence(der.small(0), identifierOf(material), der.octets(content))
}

/** The public half of a private key. */
export function publicHalf(material: Material): Material {
  const { kind, key } = material
  if (!material.isPrivate) return material
  const half =
    kind === 'ec'
      ? native.ecPublic(key)
      : kind === 'rsa' || kind === 'rsa-pss'
        ? native.rsaPublic(key)
        : okpOf(kind).importPublic(okpOf(kind).publicBytes(key))
  return { ...material, isPrivate: false, key: half }
}

const RSA_NUMBERS = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const

export type Jwk = Record<string, unknown>

export function writeJwk({ kind, key, curve, isPrivate }: Material): Jwk {
  if (kind === 'rsa-pss') {
    throw coded(Error, 'ERR_CRYPTO_JWK_UNSUPPORTED_KEY_TYPE', 'Unsupported JWK Key Type.')
  }
  if (kind === 'rsa') {
    const jwk: Jwk = { kty: 'RSA' }
    native.rsaNumbers(key).forEach((bytes, i) => {
      jwk[RSA_NUMBERS[i] as string] = toBase64Url(bytes)
    })
    return jwk
  }
  if (kind === 'ec') {
    const point = arrayOf(native.ecPoint(key))
    const size = (point.length - 1) / 2
    const [x, y] = [point.slice(1, 1 + size), point.slice(1 + size)]
    const jwk: Jwk = { kty: 'EC', x: toBase64Url(x), y: toBase64Url(y), crv: curve }
    if (isPrivate) jwk.d = toBase64Url(native.ecSecret(key))
    return jwk
  }
  const { crv, publicBytes: bytesOf, secretBytes } = okpOf(kind)
  const secret = isPrivate ? { d: toBase64Url(secretBytes(key)) } : {}
  return { crv, ...secret, x: toBase64Url(bytesOf(key)), kty: 'OKP' }
}

const badJwk = (message: string) => coded(TypeError, 'ERR_CRYPTO_INVALID_JWK', message)

/** Members of the JWK as bytes; each is read once. */
function members(jwk: Jwk, names: readonly string[], message: string): Uint8Array[] {
  return names.map((name) => {
    const text = needString(jwk[name], `key.${name}`)
    try {
      return fromBase64Url(text)
    } catch {
      throw badJwk(message)
    }
  })
}

function readRsaJwk(jwk: Jwk, isPrivate: boolean): Material {
  const names = isPrivate ? RSA_NUMBERS : RSA_NUMBERS.slice(0, 2)
  const numbers = members(jwk, names, 'Invalid JWK RSA key')
  const run = () => native.rsaImportNumbers(...numbers)
  return { kind: 'rsa', isPrivate, key: orThrow(run, () => badJwk('Invalid JWK RSA key')) }
}

function readEcJwk(jwk: Jwk, isPrivate: boolean): Material {
  const { crv } = jwk
  needOneOf(crv, 'key.crv', ['P-256', 'secp256k1', 'P-384', 'P-521'])
  const curve = byJwkName(crv as string)
  const parts = members(jwk, isPrivate ? ['x', 'y', 'd'] : ['x', 'y'], 'Invalid JWK EC key')
  const [x, y, d] = parts as [Uint8Array, Uint8Array, Uint8Array?]
  const size = curve?.size ?? 0
  if (x.length > size || y.length > size) throw badJwk('Invalid JWK EC key')
  const point = new Uint8Array(1 + 2 * size)
  point[0] = 4
  point.set(x, 1 + size - x.length)
  point.set(y, 1 + 2 * size - y.length)
  const run = () =>
    d === undefined
      ? native.ecImportPublic(crv as string, point)
      : native.ecImportPrivate(crv as string, d, point)
  const key = orThrow(run, () => badJwk('Invalid JWK EC key'))
  return { kind: 'ec', curve: crv as string, isPrivate, key }
}

function readOkpJwk(jwk: Jwk, isPrivate: boolean): Material {
  const { crv } = jwk
  needOneOf(crv, 'key.crv', ['Ed25519', 'Ed448', 'X25519', 'X448'])
  const kind = String(crv).toLowerCase()
  if (kind !== 'ed25519' && kind !== 'x25519') {
    throw coded(Error, 'ERR_CRYPTO_UNSUPPORTED_OPERATION', `Keys of ${crv} are not supported`)
  }
  const { importPublic, importPrivate } = okpOf(kind)
  const parts = members(jwk, isPrivate ? ['x', 'd'] : ['x'], 'Invalid JWK data')
  const [x, d] = parts as [Uint8Array, Uint8Array?]
  const run = () => (d === undefined ? importPublic(x) : importPrivate(d))
  return { kind, isPrivate, key: orThrow(run, () => badJwk('Invalid JWK data')) }
}

export function readJwk(value: unknown, wanted: 'public' | 'private' | 'any'): Material {
  const jwk = needObject(value, 'key.key') as Jwk
  const { kty } = jwk
  needOneOf(kty, 'key.kty', ['RSA', 'EC', 'OKP'])
  const isPrivate = wanted === 'private' || (wanted === 'any' && typeof jwk.d === 'string')
  if (isPrivate && typeof jwk.d !== 'string') throw argType('key.d', 'of type string', jwk.d)
  return kty === 'RSA'
    ? readRsaJwk(jwk, isPrivate)
    : kty === 'EC'
      ? readEcJwk(jwk, isPrivate)
      : readOkpJwk(jwk, isPrivate)
}

/** Runs a reader of DER. What it refuses becomes the error that OpenSSL gives for any text. */
export function decoded(run: () => Material): Material {
  try {
    return run()
  } catch (error) {
    if (error instanceof UnsupportedKey) {
      const message = `The key cannot be used: ${error.message} is not supported`
      throw coded(Error, 'ERR_OSSL_UNSUPPORTED', message)
    }
    if (error instanceof der.DerError || error instanceof DOMException) throw undecodable()
    throw error
  }
}

export function undecodable(): Error {
  return Object.assign(new Error('error:1E08010C:DECODER routines::unsupported'), {
    library: 'DECODER routines',
    reason: 'unsupported',
    code: 'ERR_OSSL_UNSUPPORTED',
  })
}
