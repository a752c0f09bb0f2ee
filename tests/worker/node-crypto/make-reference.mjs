/**
 * Writes reference.json: what Node itself answers to each expression, for node-crypto.test.ts. Needs Node 20 and openssl.
 *
 *     node tests/worker/node-crypto/make-reference.mjs > tests/worker/node-crypto/reference.json
 */
import { execFileSync } from 'node:child_process'
import crypto from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { normalize } from './normalize.mjs'

const pem = (key, type, more) => key.export({ type, format: 'pem', ...more })
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
const pss = crypto.generateKeyPairSync('rsa-pss', {
  modulusLength: 2048,
  hashAlgorithm: 'sha256',
  mgf1HashAlgorithm: 'sha256',
  saltLength: 32,
})
const ec = (namedCurve) => crypto.generateKeyPairSync('ec', { namedCurve })
const [p256, p384, p521, k1] = ['P-256', 'P-384', 'P-521', 'secp256k1'].map(ec)
const ed = crypto.generateKeyPairSync('ed25519')
const x = crypto.generateKeyPairSync('x25519')
const [x2, p256other] = [crypto.generateKeyPairSync('x25519'), ec('P-256')]
const ed448 = crypto.generateKeyPairSync('ed448')

const keys = { secret: 'c2VjcmV0IG9mIGEgdGVzdA' }
for (const [name, pair] of Object.entries({
  rsa,
  pss,
  p256,
  p384,
  p521,
  k1,
  ed,
  x,
  x2,
  p256other,
})) {
  keys[`${name}Private`] = pem(pair.privateKey, 'pkcs8')
  keys[`${name}Public`] = pem(pair.publicKey, 'spki')
}
for (const [name, { privateKey, publicKey }] of Object.entries({ rsa, p256, k1, ed, x })) {
  keys[`${name}PrivateJwk`] = privateKey.export({ format: 'jwk' })
  keys[`${name}PublicJwk`] = publicKey.export({ format: 'jwk' })
}
keys.rsaPkcs1 = pem(rsa.privateKey, 'pkcs1')
keys.rsaPublicPkcs1 = pem(rsa.publicKey, 'pkcs1')
keys.p256Sec1 = pem(p256.privateKey, 'sec1')
keys.ed448Public = pem(ed448.publicKey, 'spki')
const sealed = { cipher: 'aes-256-cbc', passphrase: 'top secret' }
keys.rsaEncrypted = pem(rsa.privateKey, 'pkcs8', sealed)
keys.p256Encrypted = pem(p256.privateKey, 'pkcs8', { ...sealed, cipher: 'aes-128-cbc' })
keys.rsaOldEncrypted = pem(rsa.privateKey, 'pkcs1', sealed)
keys.p256OldEncrypted = pem(p256.privateKey, 'sec1', { ...sealed, cipher: 'aes-192-cbc' })
keys.p256TripleDes = pem(p256.privateKey, 'pkcs8', { ...sealed, cipher: 'des-ede3-cbc' })

const folder = mkdtempSync(join(tmpdir(), 'crypto-reference-'))
const file = join(folder, 'key.pem')
const certificate = join(folder, 'certificate.pem')
writeFileSync(file, keys.p256Private)
const request = [
  'req',
  '-x509',
  '-key',
  file,
  '-subj',
  '/CN=test',
  '-days',
  '9',
  '-out',
  certificate,
]
execFileSync('openssl', request)
keys.certificate = readFileSync(certificate, 'utf8')

const data = Buffer.from('the data of every signature')
const made = {}
const sign = (name, hash, key) => {
  made[name] = crypto.sign(hash, data, key).toString('hex')
}
sign('rsa256', 'sha256', rsa.privateKey)
sign('pss256', 'sha256', { key: rsa.privateKey, padding: 6, saltLength: 32 })
sign('pssMax', 'sha384', { key: rsa.privateKey, padding: 6 })
sign('pssKey', 'sha256', pss.privateKey)
for (const [name, pair] of Object.entries({ p256, p384, p521, k1 })) {
  sign(name, 'sha256', pair.privateKey)
  sign(`${name}p1363`, 'sha512', { key: pair.privateKey, dsaEncoding: 'ieee-p1363' })
}
sign('ed', null, ed.privateKey)
const encrypt = (name, options) => {
  const bytes = crypto.publicEncrypt({ key: rsa.publicKey, ...options }, data)
  made[name] = bytes.toString('hex')
}
encrypt('oaep', {})
encrypt('oaep256', { oaepHash: 'sha256', oaepLabel: Buffer.from('label') })
made.privateEncrypted = crypto.privateEncrypt(rsa.privateKey, data).toString('hex')

const b = (hex) => Buffer.from(hex, 'hex')
const run = (source) => new Function('c', 'k', 'm', 'b', 'data', 'Buffer', `return ${source}`)
const results = {}
const sources = readFileSync(new URL('./expressions.txt', import.meta.url), 'utf8')
for (const source of sources.split('\n').filter((line) => line !== '' && !line.startsWith('#'))) {
  results[source] = normalize(() => run(source)(crypto, keys, made, b, data, Buffer))
}
process.stdout.write(`${JSON.stringify({ node: process.version, keys, made, results }, null, 1)}\n`)
