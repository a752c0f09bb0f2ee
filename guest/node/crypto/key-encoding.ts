/** The encodings of keys: the options that name one, and keys written in it. */

import type { Buffer } from 'node:buffer'
import { type Bytes, bufferOf, dataBytes, isBytes } from './bytes.ts'
import { encryptPem, encryptPkcs8 } from './encrypted.ts'
import { argValue, coded } from './errors.ts'
import { type Material, writePkcs1, writePkcs8, writeSec1, writeSpki } from './material.ts'
import { type CipherKind, needCipher } from './names.ts'
import { toPem } from './pem.ts'

export interface KeyEncoding {
  format?: unknown
  type?: unknown
  cipher?: unknown
  passphrase?: unknown
  encoding?: unknown
}

export type Structure = 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'

/** Checked options. */
export interface Encoding {
  format: 'pem' | 'der' | 'jwk'
  type?: Structure | undefined
  cipher?: CipherKind | undefined
  passphrase?: Uint8Array | undefined
}

const LABELS: Record<Structure, string> = {
  pkcs1: 'RSA PRIVATE KEY',
  pkcs8: 'PRIVATE KEY',
  sec1: 'EC PRIVATE KEY',
  spki: 'PUBLIC KEY',
}

function incompatible(type: unknown, why: string): Error {
  const message = `The selected key encoding ${type} ${why}.`
  return coded(Error, 'ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS', message)
}

/** @param isPublic undefined: a key of either kind is read */
export function parseStructure(
  type: unknown,
  isRequired: boolean,
  isPublic: boolean | undefined,
  name: string,
  kind?: string,
): Structure | undefined {
  if (type === undefined && !isRequired) return undefined
  if (type === 'pkcs1') {
    if (kind !== undefined && kind !== 'rsa') {
      throw incompatible(type, 'can only be used for RSA keys')
    }
    return type
  }
  if (type === 'spki' && isPublic !== false) return type
  if (type === 'pkcs8' && isPublic !== true) return type
  if (type === 'sec1' && isPublic !== true) {
    if (kind !== undefined && kind !== 'ec') {
      throw incompatible(type, 'can only be used for EC keys')
    }
    return type
  }
  throw argValue(`${name}.type`, type)
}

const isText = (value: unknown): value is string | Bytes =>
  typeof value === 'string' || isBytes(value)

/** The bytes of an optional passphrase. */
export function parsePassphrase(value: unknown, encoding: unknown, name: string) {
  if (value === undefined) return undefined
  if (!isText(value)) throw argValue(`${name}.passphrase`, value)
  return dataBytes(value, 'passphrase', encoding)
}

/** Checks the options of an output. Each member is read once. */
export function parseEncoding(
  options: unknown,
  { kind, isPrivate }: { kind: string; isPrivate: boolean },
  name: string,
): Encoding {
  const { format, type: given, cipher, passphrase, encoding } = (options ?? {}) as KeyEncoding
  if (format === 'jwk') return { format }
  if (format !== 'pem' && format !== 'der') throw argValue(`${name}.format`, format)
  const type = parseStructure(given, true, !isPrivate, name, kind)
  if (!isPrivate || cipher === undefined || cipher === null) return { format, type }
  if (typeof cipher !== 'string') throw argValue(`${name}.cipher`, cipher)
  if (format === 'der' && (type === 'pkcs1' || type === 'sec1')) {
    throw incompatible(type, 'does not support encryption')
  }
  if (!isText(passphrase)) throw argValue(`${name}.passphrase`, passphrase)
  const bytes = dataBytes(passphrase, 'passphrase', encoding)
  return { format, type, cipher: needCipher(cipher), passphrase: bytes }
}

function derOf(material: Material, type: Structure | undefined): Uint8Array {
  if (type === 'spki') return writeSpki(material)
  if (type === 'pkcs8') return writePkcs8(material)
  return type === 'sec1' ? writeSec1(material, true) : writePkcs1(material)
}

/** A key as PEM or DER. */
export function encodeKey(material: Material, encoding: Encoding): string | Buffer {
  const { format, cipher, passphrase } = encoding
  const type = encoding.type as Structure
  const der = derOf(material, type)
  if (cipher === undefined || passphrase === undefined) {
    const label = type === 'pkcs1' && !material.isPrivate ? 'RSA PUBLIC KEY' : LABELS[type]
    return format === 'der' ? bufferOf(der) : toPem(label, der)
  }
  if (type === 'pkcs8') {
    const sealed = encryptPkcs8(der, cipher, passphrase)
    return format === 'der' ? bufferOf(sealed) : toPem('ENCRYPTED PRIVATE KEY', sealed)
  }
  const { headers, bytes } = encryptPem(der, cipher, passphrase)
  return toPem(LABELS[type], bytes, headers)
}
