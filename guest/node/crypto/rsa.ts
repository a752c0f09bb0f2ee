/** publicEncrypt, privateDecrypt, and the older pair privateEncrypt and publicDecrypt. */

import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import { bufferOf, DATA, dataBytes, isBytes } from './bytes.ts'
import { constants } from './constants.ts'
import { argType, coded, needString, openssl, orThrow } from './errors.ts'
import { keyFrom } from './keys.ts'
import type { Material } from './material.ts'
import { hashOf } from './names.ts'

interface Options {
  padding?: unknown
  oaepHash?: unknown
  oaepLabel?: unknown
  encoding?: unknown
}

interface Job {
  material: Material
  padding: number
  hash: string
  label: Uint8Array
  data: Uint8Array
}

const isOptions = (key: unknown): key is Options =>
  typeof key === 'object' && key !== null && !isBytes(key)

function readJob(key: unknown, buffer: unknown, isPrivate: boolean, normal: number): Job {
  const { padding = normal, oaepHash, oaepLabel, encoding } = isOptions(key) ? key : {}
  const material = keyFrom(key, isPrivate ? 'use private' : 'use public')
  const name = oaepHash === undefined ? 'sha1' : needString(oaepHash, 'key.oaepHash')
  if (oaepLabel !== undefined && !isBytes(oaepLabel) && typeof oaepLabel !== 'string') {
    throw argType('key.oaepLabel', DATA, oaepLabel)
  }
  const label =
    oaepLabel === undefined ? new Uint8Array(0) : dataBytes(oaepLabel, 'key.oaepLabel', encoding)
  const data = dataBytes(buffer, 'buffer', encoding)
  if (material.kind !== 'rsa') {
    throw openssl(
      '03000096',
      'digital envelope',
      'operation not supported for this keytype',
      'ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE',
    )
  }
  const hash = hashOf(name)
  if (hash === undefined) throw coded(Error, 'ERR_OSSL_EVP_INVALID_DIGEST', 'Invalid digest used')
  return { material, padding: Number(padding), hash, label, data }
}

const rsaError = (number: string, reason: string) =>
  openssl(number, 'rsa', reason, `ERR_OSSL_RSA_${reason.toUpperCase().replaceAll(' ', '_')}`)

const tooLarge = () => rsaError('0200006E', 'data too large for key size')
const unknownPadding = () => rsaError('02000076', 'unknown padding type')

/** Bytes for an operation without padding, which must be as long as the key. */
function unpadded({ material, data }: Job): Uint8Array {
  const size = Math.ceil(native.rsaBits(material.key) / 8)
  if (data.length > size) throw tooLarge()
  if (data.length < size) throw rsaError('0200007A', 'data too small for key size')
  return data
}

export function publicEncrypt(key: unknown, buffer: unknown): Buffer {
  const job = readJob(key, buffer, false, constants.RSA_PKCS1_OAEP_PADDING)
  const { material, padding, hash, label, data } = job
  if (padding === constants.RSA_NO_PADDING) {
    const bytes = unpadded(job)
    return bufferOf(orThrow(() => native.rsaRawPublic(material.key, bytes), tooLarge))
  }
  if (padding === constants.RSA_PKCS1_PADDING) {
    return bufferOf(orThrow(() => native.rsaEncrypt(material.key, data), tooLarge))
  }
  if (padding !== constants.RSA_PKCS1_OAEP_PADDING) throw unknownPadding()
  return bufferOf(orThrow(() => native.oaepEncrypt(material.key, hash, data, label), tooLarge))
}

export function privateDecrypt(key: unknown, buffer: unknown): Buffer {
  const job = readJob(key, buffer, true, constants.RSA_PKCS1_OAEP_PADDING)
  const { material, padding, hash, label, data } = job
  if (padding === constants.RSA_NO_PADDING) {
    const bytes = unpadded(job)
    return bufferOf(orThrow(() => native.rsaRawPrivate(material.key, bytes), tooLarge))
  }
  if (padding === constants.RSA_PKCS1_PADDING) {
    const refused = () => rsaError('0200009F', 'pkcs decoding error')
    return bufferOf(orThrow(() => native.rsaDecrypt(material.key, data), refused))
  }
  if (padding !== constants.RSA_PKCS1_OAEP_PADDING) throw unknownPadding()
  const refused = () => rsaError('02000079', 'oaep decoding error')
  return bufferOf(orThrow(() => native.oaepDecrypt(material.key, hash, data, label), refused))
}

/** Signs bytes as they are: PKCS #1 v1.5 without the name of a hash. */
export function privateEncrypt(key: unknown, buffer: unknown): Buffer {
  const job = readJob(key, buffer, true, constants.RSA_PKCS1_PADDING)
  const { material, padding, data } = job
  if (padding === constants.RSA_NO_PADDING) {
    const bytes = unpadded(job)
    return bufferOf(orThrow(() => native.rsaRawPrivate(material.key, bytes), tooLarge))
  }
  if (padding !== constants.RSA_PKCS1_PADDING) throw unknownPadding()
  if (data.length + 11 > native.rsaBits(material.key) / 8) throw tooLarge()
  return bufferOf(
    orThrow(() => native.rsaSignDigest(material.key, undefined, data, undefined), tooLarge),
  )
}

/** The bytes that privateEncrypt signed. */
export function publicDecrypt(key: unknown, buffer: unknown): Buffer {
  const job = readJob(key, buffer, false, constants.RSA_PKCS1_PADDING)
  const { material, padding } = job
  const bytes = unpadded(job)
  const block = new Uint8Array(orThrow(() => native.rsaRawPublic(material.key, bytes), tooLarge))
  if (padding === constants.RSA_NO_PADDING) return bufferOf(block)
  if (padding !== constants.RSA_PKCS1_PADDING) throw unknownPadding()
  if (block[0] !== 0 || block[1] !== 1) {
    throw rsaError('0200006A', 'block type is not 01')
  }
  let at = 2
  while (block[at] === 255) at += 1
  if (at < 10 || block[at] !== 0) throw rsaError('02000067', 'bad pad byte count')
  return bufferOf(block.slice(at + 1))
}
