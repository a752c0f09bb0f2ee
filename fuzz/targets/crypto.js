// Ciphers, signatures, derivation and unwrapping with parameters from the input: a DOMException or a TypeError, or a
// result that can be reversed; and no changed data passes as genuine.
import { createHash, createHmac, equal, hashCopy, hashDigest, hashUpdate } from 'fn:hash'

const { subtle } = crypto
const HASHES = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']
const EXPECTED = new Set(['OperationError', 'DataError', 'InvalidAccessError', 'TypeError'])
EXPECTED.add('NotSupportedError').add('SyntaxError')
const ALL = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey']

const secret = (name, usages, length = 32) =>
  subtle.importKey('raw', new Uint8Array(length).fill(7), name, true, usages)
const pair = (algorithm, usages) => subtle.generateKey(algorithm, true, usages)
const rsa = (name, usages) =>
  pair({ name, hash: 'SHA-1', modulusLength: 1024, publicExponent: new Uint8Array([3]) }, usages)
const hmac = { name: 'HMAC', hash: 'SHA-256' }

const keys = {
  gcm: await secret('AES-GCM', ALL, 16),
  cbc: await secret('AES-CBC', ALL, 24),
  ctr: await secret('AES-CTR', ALL),
  kw: await secret('AES-KW', ['wrapKey', 'unwrapKey']),
  hmac: await secret(hmac, ['sign', 'verify']),
  hkdf: await subtle.importKey('raw', new Uint8Array(5), 'HKDF', false, ['deriveBits']),
  pbkdf2: await subtle.importKey('raw', new Uint8Array(5), 'PBKDF2', false, ['deriveBits']),
  pkcs1: await rsa('RSASSA-PKCS1-v1_5', ['sign', 'verify']),
  pss: await rsa('RSA-PSS', ['sign', 'verify']),
  oaep: await rsa('RSA-OAEP', ALL),
  ecdsa: await pair({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign', 'verify']),
  ecdsa521: await pair({ name: 'ECDSA', namedCurve: 'P-521' }, ['sign', 'verify']),
  ed25519: await pair('Ed25519', ['sign', 'verify']),
  ecdh: await pair({ name: 'ECDH', namedCurve: 'P-384' }, ['deriveBits']),
  x25519: await pair('X25519', ['deriveBits']),
}

/** Takes numbers and runs of bytes off the input; beyond its end there are zeros and nothing. */
class Input {
  constructor(bytes) {
    this.rest = bytes
  }
  byte() {
    const [first = 0] = this.rest
    this.rest = this.rest.subarray(1)
    return first
  }
  run() {
    const length = this.byte()
    const run = this.rest.subarray(0, length)
    this.rest = this.rest.subarray(length)
    return run
  }
  pick(list) {
    return list[this.byte() % list.length]
  }
  number() {
    return this.pick([0, 1, 7, 8, 16, 96, 104, 128, 129, 255, 256, 65536, 2 ** 31, 2 ** 32 - 1, -1])
  }
}

const WAYS = [
  (input) => cipher(input, keys.gcm, gcm(input)),
  (input) => cipher(input, keys.cbc, { name: 'AES-CBC', iv: input.run() }),
  (input) => cipher(input, keys.ctr, counter(input)),
  (input) => cipher(input, keys.oaep, { name: 'RSA-OAEP', label: input.run() }),
  (input) => signature(input, keys.hmac, 'HMAC'),
  (input) => signature(input, keys.pkcs1, 'RSASSA-PKCS1-v1_5'),
  (input) => signature(input, keys.pss, { name: 'RSA-PSS', saltLength: input.number() & 0xfff }),
  (input) => signature(input, keys.ecdsa, { name: 'ECDSA', hash: input.pick(HASHES) }),
  (input) => signature(input, keys.ecdsa521, { name: 'ECDSA', hash: input.pick(HASHES) }),
  (input) => signature(input, keys.ed25519, 'Ed25519'),
  (input) => bits(input, keys.hkdf, hkdf(input)),
  (input) => bits(input, keys.pbkdf2, pbkdf2(input)),
  (input) => bits(input, keys.ecdh.privateKey, { name: 'ECDH', public: keys.ecdh.publicKey }),
  (input) => bits(input, keys.x25519.privateKey, { name: 'X25519', public: keys.x25519.publicKey }),
  (input) => foreign(input, 'ECDH', { name: 'ECDH', namedCurve: 'P-384' }, keys.ecdh.privateKey),
  (input) => foreign(input, 'X25519', 'X25519', keys.x25519.privateKey),
  (input) => unwrap(input, keys.kw, 'AES-KW'),
  (input) => unwrap(input, keys.gcm, gcm(input)),
  (input) => unwrap(input, keys.ctr, counter(input)),
  (input) => unwrap(input, keys.oaep, { name: 'RSA-OAEP' }),
  hash,
  random,
]

const gcm = (input) => ({
  name: 'AES-GCM',
  iv: input.run(),
  additionalData: input.run(),
  tagLength: input.number(),
})
const counter = (input) => ({ name: 'AES-CTR', counter: input.run(), length: input.number() & 255 })
const hkdf = (input) => ({
  name: 'HKDF',
  hash: input.pick(HASHES),
  salt: input.run(),
  info: input.run(),
})
const pbkdf2 = (input) => ({
  name: 'PBKDF2',
  hash: input.pick(HASHES),
  salt: input.run(),
  iterations: input.byte(),
})

export default async (bytes) => {
  const input = new Input(bytes)
  try {
    await input.pick(WAYS)(input)
  } catch (error) {
    if (!EXPECTED.has(error.name) || error.message === '') throw error
  }
}

async function cipher(input, key, algorithm) {
  const way = input.byte()
  const data = input.rest
  if (way & 1) {
    await subtle.decrypt(algorithm, key.privateKey ?? key, data)
    return
  }
  const sealed = new Uint8Array(await subtle.encrypt(algorithm, key.publicKey ?? key, data))
  const opened = await subtle.decrypt(algorithm, key.privateKey ?? key, sealed)
  if (!same(new Uint8Array(opened), data)) throw new Error(`${algorithm.name}: there and back`)
  if (algorithm.name !== 'AES-GCM') return
  sealed[way % sealed.length] ^= 1
  const forged = await subtle.decrypt(algorithm, key, sealed).catch(() => undefined)
  if (forged !== undefined) throw new Error('AES-GCM took what was changed')
}

async function signature(input, key, algorithm) {
  const way = input.byte()
  const data = input.rest
  const verify = (given) => subtle.verify(algorithm, key.publicKey ?? key, given, data)
  if (way & 1) {
    if (await verify(data)) throw new Error(`${algorithm.name ?? algorithm} verifies anything`)
    return
  }
  const signed = new Uint8Array(await subtle.sign(algorithm, key.privateKey ?? key, data))
  if (!(await verify(signed))) throw new Error(`${algorithm.name ?? algorithm}: not verified`)
  signed[(way >> 1) % signed.length] ^= 1 << (way & 7)
  if (await verify(signed))
    throw new Error(`${algorithm.name ?? algorithm}: a changed one, verified`)
  if (await verify(signed.subarray(1))) throw new Error('a shorter one is verified')
}

async function bits(input, key, algorithm) {
  const length = input.pick([null, input.number(), input.byte() * 8])
  const made = await subtle.deriveBits(algorithm, key, length)
  if (length !== null && made.byteLength !== Math.ceil(length / 8)) throw new Error('length')
}

/** The other side's public key is the input's. */
async function foreign(input, name, algorithm, mine) {
  const format = input.pick(['raw', 'spki'])
  const theirs = await subtle.importKey(format, input.rest, algorithm, true, [])
  await subtle.deriveBits({ name, public: theirs }, mine, null)
}

async function unwrap(input, key, algorithm) {
  const format = input.pick(['raw', 'pkcs8', 'spki', 'jwk'])
  const wanted = input.pick(['AES-GCM', hmac, 'Ed25519', { name: 'ECDSA', namedCurve: 'P-256' }])
  const way = input.byte()
  let wrapped = input.rest
  if (way & 1) {
    const inner = await subtle.importKey('raw', wrapped, hmac, true, ['sign'])
    wrapped = await subtle.wrapKey(format, inner, key.publicKey ?? key, algorithm)
  }
  const usages = [input.pick(['sign', 'verify', 'encrypt'])]
  await subtle.unwrapKey(format, wrapped, key.privateKey ?? key, algorithm, wanted, true, usages)
}

async function hash(input) {
  const name = input.pick(HASHES)
  const step = input.byte() + 1
  const data = input.rest
  const whole = new Uint8Array(await subtle.digest(name, data))
  let pieces = createHash(name.toLowerCase().replace('-', ''))
  const mac = createHmac('sha256', data.subarray(0, step))
  for (let at = 0; at < data.length; at += step) {
    hashUpdate(mac, data.subarray(at, at + step))
    hashUpdate(pieces, data.subarray(at, at + step))
    pieces = hashCopy(pieces)
  }
  if (!equal(new Uint8Array(hashDigest(pieces)), whole)) throw new Error(`${name} in pieces`)
  const key = await subtle.importKey('raw', data.subarray(0, step), hmac, true, ['verify'])
  if (!(await subtle.verify('HMAC', key, hashDigest(mac), data))) throw new Error('HMAC in pieces')
}

function random(input) {
  const kinds = [Uint8Array, Int8Array, Uint16Array, Int32Array, Uint8ClampedArray, BigUint64Array]
  const kind = input.pick([...kinds, Float32Array, DataView])
  const buffer = new ArrayBuffer((input.byte() << 8) | (input.byte() & 0xf8))
  try {
    const view = new kind(buffer, (input.byte() & 31) * 8)
    if (crypto.getRandomValues(view) !== view) throw new Error('another view')
  } catch (error) {
    const names = ['QuotaExceededError', 'TypeMismatchError', 'RangeError']
    if (!names.includes(error.name)) throw error
  }
}

function same(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
