// The native functions of node:crypto, which a bundle can call with anything: keys in DER, ciphers in any order of calls,
// scrypt, signatures of digests. They answer, or throw a TypeError, a RangeError or a DOMException.
import * as exports from 'fn:node-crypto'

const native = { ...exports }

const EXPECTED = new Set([
  'OperationError',
  'DataError',
  'TypeError',
  'RangeError',
  'NotSupportedError',
])
EXPECTED.add('SyntaxError').add('InvalidAccessError')
const HASHES = ['md5', 'sha1', 'sha256', 'sha512', undefined, 'none']
const CURVES = ['P-256', 'P-384', 'P-521', 'secp256k1', 'P-1']
const MODES = ['ecb', 'cbc', 'ctr', 'gcm', 'ccm']

const rsa = native.rsaGenerate(1024, 3)
const ec = native.ecGenerate('secp256k1')
const ed = native.edGenerate()
const x = native.xGenerate()
const secret = native.secretKey(new Uint8Array(16))
const detached = new Uint8Array(20)
detached.buffer.transfer()

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
    return this.pick([
      0,
      1,
      2,
      7,
      8,
      16,
      20,
      32,
      64,
      128,
      129,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 53,
      -1,
      0.5,
    ])
  }
  /** What no function expects, or what it does. */
  any() {
    const { rest } = this
    return this.pick([
      rest,
      rest,
      rest.buffer,
      detached,
      undefined,
      null,
      'sha256',
      rsa,
      ec,
      ed,
      x,
      secret,
      {},
      7,
    ])
  }
}

const names = Object.keys(native).filter(
  (name) => !/Generate|^wipe$|^webImport$|^scrypt$|^pbkdf2$/.test(name),
)

const WAYS = [
  (input) => use(native.rsaImportPublic(input.rest), input),
  (input) => use(native.rsaImportPrivate(input.rest), input),
  (input) => native.ecDerive(ec, native.ecImportPublic('secp256k1', input.rest)),
  (input) => native.ecPoint(native.ecImportPrivate(input.pick(CURVES), input.run(), input.rest)),
  (input) => native.ecVerifyDigest(ec, input.run(), input.rest),
  (input) =>
    round(native.ecSignDigest(ec, input.rest), (made) =>
      native.ecVerifyDigest(ec, input.rest, made),
    ),
  (input) =>
    native.rsaVerifyDigest(
      rsa,
      input.pick(HASHES),
      input.run(),
      input.pick([undefined, input.number()]),
      input.rest,
    ),
  (input) =>
    native.rsaSignDigest(
      rsa,
      input.pick(HASHES),
      input.run(),
      input.pick([undefined, input.number()]),
    ),
  (input) => native[input.pick(['rsaRawPublic', 'rsaRawPrivate', 'rsaDecrypt'])](rsa, input.rest),
  (input) =>
    round(native.rsaEncrypt(rsa, input.rest), (made) =>
      same(native.rsaDecrypt(rsa, made), input.rest),
    ),
  (input) =>
    native.scrypt(
      input.run(),
      input.rest,
      input.number() & 0x1ff,
      input.byte() & 15,
      input.byte() & 3,
      input.byte(),
    ),
  (input) => native.pbkdf2(input.pick(HASHES), secret, input.rest, input.byte(), input.byte()),
  (input) => native.webParts(input.any()),
  (input) =>
    native.webImport(
      input.pick(['raw', 'spki', 'pkcs8', 'jwk']),
      input.rest,
      input.pick(['Ed25519', 'AES-GCM', { name: 'ECDSA', namedCurve: 'P-256' }]),
      true,
      ['sign'],
    ),
  (input) =>
    native[input.pick(names)](input.any(), input.any(), input.any(), input.any(), input.any()),
  cipher,
  cipher,
]

export default async (bytes) => {
  const input = new Input(bytes)
  try {
    input.pick(WAYS)(input)
  } catch (error) {
    if (!EXPECTED.has(error.name) || error.message === '') throw error
  }
}

function round(made, check) {
  if (!check(made)) throw new Error('what was made is not accepted')
}

function use(key, input) {
  native.rsaNumbers(key)
  native.rsaWrite(native.rsaPublic(key))
  native.rsaVerifyDigest(
    key,
    'sha1',
    new Uint8Array(20),
    input.pick([undefined, 2 ** 32 - 1]),
    input.rest,
  )
  native.rsaEncrypt(key, new Uint8Array(3))
}

/** Calls in any order; then the same data in pieces and as a whole must give the same. */
function cipher(input) {
  const mode = input.pick(MODES)
  const key = new Uint8Array(input.pick([16, 24, 32, 5])).fill(input.byte())
  const iv = new Uint8Array(input.pick([16, 12, 0, 1])).fill(input.byte())
  const isSeal = input.byte() & 1
  const make = () => native.cipherNew(mode, key, iv, isSeal)
  const wild = make()
  for (let i = input.byte() & 7; i > 0; i--) {
    const call = input.pick([
      'cipherAad',
      'cipherUpdate',
      'cipherUpdate',
      'cipherFinal',
      'cipherTag',
      'cipherVerify',
    ])
    try {
      native[call](wild, input.run(), input.byte() & 1)
    } catch (error) {
      if (!EXPECTED.has(error.name)) throw error
    }
  }
  const [whole, pieces] = [make(), make()]
  const step = (input.byte() & 31) + 1
  const parts = []
  for (let at = 0; at < input.rest.length; at += step) {
    parts.push(
      ...new Uint8Array(native.cipherUpdate(pieces, input.rest.subarray(at, at + step), true)),
    )
  }
  const once = [...new Uint8Array(native.cipherUpdate(whole, input.rest, true))]
  if (mode === 'gcm') {
    if (isSeal && !same(native.cipherTag(whole), new Uint8Array(native.cipherTag(pieces))))
      throw new Error('tags')
  } else {
    const [last, other] = [native.cipherFinal(whole, true), native.cipherFinal(pieces, true)]
    if (typeof last === 'string' ? last !== other : !same(last, new Uint8Array(other)))
      throw new Error('ends')
  }
  if (!same(Uint8Array.from(parts).buffer, once)) throw new Error(`${mode} in pieces`)
}

function same(buffer, bytes) {
  const view = new Uint8Array(buffer)
  return view.length === bytes.length && view.every((byte, i) => byte === bytes[i])
}
