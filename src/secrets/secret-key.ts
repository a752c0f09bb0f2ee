/** The key for secrets. It encrypts with AES-256-GCM, and is never in the database. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
/** Of AES-GCM: random for each value. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Begins every placeholder, so that people recognise one. */
export const PLACEHOLDER_PREFIX = 'fnsecret_'

/** Where a secret is stored. It can be decrypted only there: a row that was moved elsewhere is refused. */
export interface SecretPlace {
  functionId: string
  revision: number
  name: string
}

/**
 * A key for secrets.
 *
 * @example
 * const key = SecretKey.generate()
 * key.open(key.seal('value', place), place) // 'value'
 */
export class SecretKey {
  /** The base64 of the key, as a file has it. */
  readonly text: string
  /** The fingerprint: 16 hexadecimal digits. It reveals nothing about the key. */
  readonly id: string
  readonly #sealing: Buffer
  readonly #naming: Buffer

  private constructor(bytes: Buffer) {
    this.text = bytes.toString('base64')
    // A key of its own for each purpose.
    this.id = derived(bytes, 'id').subarray(0, 8).toString('hex')
    this.#sealing = derived(bytes, 'seal')
    this.#naming = derived(bytes, 'placeholder')
  }

  static generate(): SecretKey {
    return new SecretKey(randomBytes(KEY_BYTES))
  }

  /** Undefined if the text is not the base64 of 32 bytes. */
  static parse(text: string): SecretKey | undefined {
    const bytes = Buffer.from(text.trim(), 'base64')
    const exact = bytes.length === KEY_BYTES && bytes.toString('base64') === text.trim()
    return exact ? new SecretKey(bytes) : undefined
  }

  /** The base64 of nonce, ciphertext and tag. */
  seal(value: string, place: SecretPlace): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#sealing, nonce).setAAD(bytesOf(place))
    const parts = [nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]
    return Buffer.concat(parts).toString('base64')
  }

  /** Undefined if it was sealed with another key or for another place, or was changed. */
  open(sealed: string, place: SecretPlace): string | undefined {
    const bytes = Buffer.from(sealed, 'base64')
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    const end = bytes.length - TAG_BYTES
    try {
      const decipher = createDecipheriv(CIPHER, this.#sealing, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(bytesOf(place)).setAuthTag(bytes.subarray(end))
      const value = decipher.update(bytes.subarray(NONCE_BYTES, end))
      return Buffer.concat([value, decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }

  /**
   * What stands for a secret in a worker that must not have it: text that nobody can guess, and another
   * one for each revision. Letters and digits only, so that every header and URL leaves it as it is.
   */
  placeholder(place: SecretPlace): string {
    const digest = createHmac('sha256', this.#naming).update(bytesOf(place)).digest('hex')
    return `${PLACEHOLDER_PREFIX}${digest.slice(0, 32)}`
  }
}

function derived(bytes: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', bytes, '', `functions secrets: ${purpose}`, KEY_BYTES))
}

function bytesOf({ functionId, revision, name }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify([functionId, revision, name]))
}
