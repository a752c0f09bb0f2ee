/** Reads the keys of arguments: PEM, DER or JWK, in the forms that Node accepts in each place. */

import { Buffer } from 'node:buffer'
import { type Bytes, DATA, dataBytes, isBytes } from './bytes.ts'
import { badDecrypt, decryptPem, decryptPkcs8, isEncryptedPkcs8 } from './encrypted.ts'
import { argType, argValue, coded } from './errors.ts'
import { parsePassphrase, parseStructure, type Structure } from './key-encoding.ts'
import {
  decoded,
  type Material,
  readCertificate,
  readJwk,
  readPkcs1,
  readPkcs8,
  readSec1,
  readSpki,
  undecodable,
} from './material.ts'
import { type Pem, parsePem } from './pem.ts'

export type Context = 'create public' | 'create private' | 'use public' | 'use private'

const needsPrivate = (context: Context) => context.endsWith('private')

const PRIVATE_LABELS = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']
const PUBLIC_LABELS = ['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE', 'X509 CERTIFICATE']

type Passphrase = Uint8Array | undefined

const needPassphrase = (passphrase: Passphrase): Uint8Array => {
  if (passphrase !== undefined) return passphrase
  throw coded(TypeError, 'ERR_MISSING_PASSPHRASE', 'Passphrase required for encrypted key')
}

/** What a wrong passphrase decrypts to is no key. */
function decrypted(run: () => Material): Material {
  try {
    return run()
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_OSSL_UNSUPPORTED') throw badDecrypt()
    throw error
  }
}

function readPrivate(label: string, bytes: Uint8Array, passphrase: Passphrase): Material {
  if (label === 'RSA PRIVATE KEY') return readPkcs1(bytes, true)
  if (label === 'EC PRIVATE KEY') return readSec1(bytes)
  if (label === 'PRIVATE KEY') return readPkcs8(bytes)
  const plain = decryptPkcs8(bytes, needPassphrase(passphrase))
  return decrypted(() => decoded(() => readPkcs8(plain)))
}

function readBlock({ label, encryption, bytes }: Pem, passphrase: Passphrase): Material {
  if (encryption !== undefined) {
    const plain = decryptPem(bytes, encryption, needPassphrase(passphrase))
    return decrypted(() => decoded(() => readPrivate(label, plain, passphrase)))
  }
  if (label === 'PUBLIC KEY') return readSpki(bytes)
  if (label === 'RSA PUBLIC KEY') return readPkcs1(bytes, false)
  return label.endsWith('CERTIFICATE')
    ? readCertificate(bytes)
    : readPrivate(label, bytes, passphrase)
}

function readPem(text: string, context: Context, passphrase: Passphrase): Material {
  const labels = needsPrivate(context) ? PRIVATE_LABELS : [...PUBLIC_LABELS, ...PRIVATE_LABELS]
  const block = parsePem(text, (label) => labels.includes(label))
  if (block === undefined) throw undecodable()
  return decoded(() => readBlock(block, passphrase))
}

function readDer(bytes: Uint8Array, type: Structure, context: Context, passphrase: Passphrase) {
  return decoded(() => {
    if (type === 'spki') return readSpki(bytes)
    if (type === 'sec1') return readSec1(bytes)
    if (type === 'pkcs1') return readEitherPkcs1(bytes, needsPrivate(context))
    return isEncryptedPkcs8(bytes)
      ? readPrivate('ENCRYPTED PRIVATE KEY', bytes, passphrase)
      : readPkcs8(bytes)
  })
}

function readEitherPkcs1(bytes: Uint8Array, isPrivate: boolean): Material {
  if (isPrivate) return readPkcs1(bytes, true)
  try {
    return readPkcs1(bytes, false)
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return readPkcs1(bytes, true)
  }
}

const textOf = (data: string | Bytes, encoding: unknown): string =>
  typeof data === 'string' && (encoding === undefined || encoding === 'utf8')
    ? data
    : Buffer.from(dataBytes(data, 'key', encoding)).toString('latin1')

interface KeyInput {
  key?: unknown
  format?: unknown
  type?: unknown
  passphrase?: unknown
  encoding?: unknown
}

function readOptions(input: KeyInput, data: string | Bytes, context: Context): Material {
  const { format = 'pem', type: given, passphrase: text, encoding } = input
  if (format !== 'pem' && format !== 'der') throw argValue('options.format', format)
  const isPublic = needsPrivate(context) ? false : undefined
  const type = parseStructure(given, format === 'der', isPublic, 'options')
  const passphrase = parsePassphrase(text, encoding, 'options')
  return format === 'pem'
    ? readPem(textOf(data, encoding), context, passphrase)
    : readDer(dataBytes(data, 'key', encoding), type as Structure, context, passphrase)
}

/**
 * The key of an argument.
 *
 * @param fromObject reads a KeyObject or a CryptoKey; undefined for other values
 */
export function readKey(
  value: unknown,
  context: Context,
  fromObject: (value: unknown) => Material | undefined,
): Material {
  const object = fromObject(value)
  if (object !== undefined) return object
  if (typeof value === 'string' || isBytes(value)) {
    return readPem(textOf(value, undefined), context, undefined)
  }
  if (typeof value !== 'object' || value === null) throw refused('key', value, context)
  const input = value as KeyInput
  const { key } = input
  const inner = fromObject(key)
  if (inner !== undefined) return inner
  if (input.format === 'jwk') return readJwk(key, needsPrivate(context) ? 'private' : 'any')
  if (typeof key !== 'string' && !isBytes(key)) throw refused('key', key ?? value, context)
  return readOptions(input, key, context)
}

function refused(name: string, value: unknown, context: Context): Error {
  const more =
    context === 'create private'
      ? DATA
      : DATA.replace(', or DataView', ', DataView, KeyObject, or CryptoKey')
  return argType(name, more, value)
}
