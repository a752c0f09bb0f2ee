/** Private keys under a passphrase: PKCS #8 with PBES2 (RFC 8018), and the older encryption of PEM. */

import * as hashes from 'fn:hash'
import * as native from 'fn:node-crypto'
import { concat } from './bytes.ts'
import * as der from './der.ts'
import { coded, openssl } from './errors.ts'
import { type CipherKind, cipherOf } from './names.ts'

const PBES2 = '1.2.840.113549.1.5.13'
const PBKDF2 = '1.2.840.113549.1.5.12'
const HMACS: Record<string, string> = {
  sha1: '1.2.840.113549.2.7',
  sha224: '1.2.840.113549.2.8',
  sha256: '1.2.840.113549.2.9',
  sha384: '1.2.840.113549.2.10',
  sha512: '1.2.840.113549.2.11',
}
const CIPHERS: Record<string, string> = {
  'aes-128-cbc': '2.16.840.1.101.3.4.1.2',
  'aes-192-cbc': '2.16.840.1.101.3.4.1.22',
  'aes-256-cbc': '2.16.840.1.101.3.4.1.42',
}
const ITERATIONS = 2048 // as OpenSSL writes
const SALT_BYTES = 16

const named = (table: Record<string, string>, oid: string) =>
  Object.keys(table).find((name) => table[name] === oid)

const unsupported = (what: string) =>
  coded(
    Error,
    'ERR_CRYPTO_UNSUPPORTED_OPERATION',
    `The encryption of the key is not supported: ${what}`,
  )

export const badDecrypt = () => openssl('1C800064', 'Provider', 'bad decrypt')

function crypt(
  cipher: CipherKind,
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  seal: boolean,
) {
  if (iv.length !== cipher.ivLength) throw badDecrypt()
  const state = native.cipherNew(cipher.mode, key, iv, seal)
  const first = native.cipherUpdate(state, data, true)
  const last = native.cipherFinal(state, true)
  if (typeof last === 'string') throw badDecrypt()
  return concat([new Uint8Array(first), new Uint8Array(last)])
}

function derive(
  hash: string,
  passphrase: Uint8Array,
  salt: Uint8Array,
  count: number,
  length: number,
) {
  const key = native.secretKey(passphrase)
  return new Uint8Array(native.pbkdf2(hash, key, salt, count, length))
}

/** Whether the bytes are an EncryptedPrivateKeyInfo and not a PrivateKeyInfo. */
export function isEncryptedPkcs8(bytes: Uint8Array): boolean {
  return new der.Reader(bytes).enter(der.SEQUENCE).next === der.SEQUENCE
}

/** The PrivateKeyInfo inside an EncryptedPrivateKeyInfo. */
export function decryptPkcs8(bytes: Uint8Array, passphrase: Uint8Array): Uint8Array {
  const info = new der.Reader(bytes).enter(der.SEQUENCE)
  const algorithm = info.enter(der.SEQUENCE)
  const data = info.read(der.OCTET_STRING)
  const oid = algorithm.readOid()
  if (oid !== PBES2) throw unsupported(`${oid}; PBES2 with AES-CBC is`)
  const params = algorithm.enter(der.SEQUENCE)
  const kdf = params.enter(der.SEQUENCE)
  const scheme = params.enter(der.SEQUENCE)
  if (kdf.readOid() !== PBKDF2) throw unsupported('a key derivation other than PBKDF2')
  const { salt, count, hash } = readPbkdf2(kdf.enter(der.SEQUENCE))
  const cipher = cipherOf(named(CIPHERS, scheme.readOid()) ?? '')
  if (cipher === undefined) throw unsupported('a cipher other than AES-CBC')
  const key = derive(hash, passphrase, salt, count, cipher.keyLength)
  return crypt(cipher, key, scheme.read(der.OCTET_STRING), data, false)
}

function readPbkdf2(params: der.Reader) {
  const salt = params.read(der.OCTET_STRING)
  const count = params.readNumber()
  if (params.next === der.INTEGER) params.readNumber() // the length of the key
  const hash = params.done ? 'sha1' : named(HMACS, params.enter(der.SEQUENCE).readOid())
  if (hash === undefined) throw unsupported('a hash other than SHA-1 and SHA-2')
  if (count < 1 || count >= 2 ** 32) throw unsupported('this number of iterations')
  return { salt, count, hash }
}

export function encryptPkcs8(
  bytes: Uint8Array,
  cipher: CipherKind,
  passphrase: Uint8Array,
): Uint8Array {
  const oid = CIPHERS[cipher.name]
  if (oid === undefined) throw unsupported(`${cipher.name}; AES-CBC is`)
  const salt = new Uint8Array(native.randomBytes(SALT_BYTES))
  const iv = new Uint8Array(native.randomBytes(cipher.ivLength))
  const key = derive('sha256', passphrase, salt, ITERATIONS, cipher.keyLength)
  const kdf = der.sequence(
    der.octets(salt),
    der.small(ITERATIONS),
    der.sequence(der.oid(HMACS.sha256 as string), der.nothing()),
  )
  const scheme = der.sequence(der.oid(oid), der.octets(iv))
  const params = der.sequence(der.sequence(der.oid(PBKDF2), kdf), scheme)
  const sealed = crypt(cipher, key, iv, bytes, true)
  return der.sequence(der.sequence(der.oid(PBES2), params), der.octets(sealed))
}

/** OpenSSL's EVP_BytesToKey with MD5 and one round. */
function keyFromText(passphrase: Uint8Array, salt: Uint8Array, length: number): Uint8Array {
  let made = new Uint8Array(0)
  let last = new Uint8Array(0)
  while (made.length < length) {
    const hasher = hashes.createHash('md5')
    for (const part of [last, passphrase, salt]) hashes.hashUpdate(hasher, part)
    last = new Uint8Array(hashes.hashDigest(hasher))
    made = concat([made, last]) as Uint8Array<ArrayBuffer>
  }
  return made.subarray(0, length)
}

/** @param encryption the value of DEK-Info */
export function decryptPem(
  bytes: Uint8Array,
  encryption: string,
  passphrase: Uint8Array,
): Uint8Array {
  const [name = '', hex = ''] = encryption.split(',').map((part) => part.trim())
  const cipher = cipherOf(name)
  if (cipher?.mode !== 'cbc') throw unsupported(`${name}; AES-CBC is`)
  if (!/^(?:[0-9a-f]{2}){16}$/i.test(hex)) throw badDecrypt()
  const iv = Uint8Array.fromHex(hex)
  const key = keyFromText(passphrase, iv.subarray(0, 8), cipher.keyLength)
  return crypt(cipher, key, iv, bytes, false)
}

export function encryptPem(bytes: Uint8Array, cipher: CipherKind, passphrase: Uint8Array) {
  if (cipher.mode !== 'cbc') throw unsupported(`${cipher.name}; AES-CBC is`)
  const iv = new Uint8Array(native.randomBytes(cipher.ivLength))
  const key = keyFromText(passphrase, iv.subarray(0, 8), cipher.keyLength)
  const info = `DEK-Info: ${cipher.name.toUpperCase()},${iv.toHex().toUpperCase()}`
  return { headers: ['Proc-Type: 4,ENCRYPTED', info], bytes: crypt(cipher, key, iv, bytes, true) }
}
