// importKey of every format: a DOMException, or the exported key can be imported again.
const decoder = new TextDecoder()
const { subtle } = crypto
const CURVES = ['P-256', 'P-384', 'P-521']
const RSA = ['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP']
const FORMATS = ['raw', 'spki', 'pkcs8', 'jwk']
const USAGES = [
  [],
  ['sign'],
  ['verify'],
  ['encrypt'],
  ['decrypt'],
  ['deriveBits'],
  ['wrapKey', 'unwrapKey'],
]
const EXPECTED = new Set([
  'DataError',
  'NotSupportedError',
  'SyntaxError',
  'InvalidAccessError',
  'OperationError',
  'TypeError',
])

export default async (bytes) => {
  if (bytes.length < 3) return
  const format = FORMATS[bytes[0] & 3]
  const algorithm = algorithmOf(bytes[1])
  const usages = USAGES[bytes[2] % USAGES.length]
  const data = bytes.subarray(3)
  try {
    const input = format === 'jwk' ? JSON.parse(decoder.decode(data)) : data
    const key = await subtle.importKey(format, input, algorithm, true, usages)
    const exported = await subtle.exportKey(format, key)
    const again = await subtle.importKey(format, exported, algorithm, true, usages)
    if (text(exported) !== text(await subtle.exportKey(format, again)))
      throw new Error('another key')
  } catch (error) {
    if (!EXPECTED.has(error.name)) throw error
  }
}

const text = (exported) =>
  exported instanceof ArrayBuffer ? new Uint8Array(exported).join() : JSON.stringify(exported)

function algorithmOf(byte) {
  const curve = { namedCurve: CURVES[byte % 3] }
  const all = [
    { name: 'ECDSA', ...curve },
    { name: 'ECDH', ...curve },
    { name: 'Ed25519' },
    { name: 'X25519' },
    { name: RSA[byte % 3], hash: 'SHA-256' },
    { name: 'HMAC', hash: 'SHA-384' },
    { name: ['AES-GCM', 'AES-CBC', 'AES-CTR', 'AES-KW'][byte & 3] },
    { name: ['HKDF', 'PBKDF2'][byte & 1] },
  ]
  return all[(byte >> 2) % all.length]
}
