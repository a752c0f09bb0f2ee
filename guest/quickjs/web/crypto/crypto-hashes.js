// The names of hashes.

const names = {
  __proto__: null,
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
}

/** The name that fn:crypto has for a hash of the standard. */
export const native = (hash) => names[hash]
