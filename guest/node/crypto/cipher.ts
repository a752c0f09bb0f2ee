/** createCipheriv and createDecipheriv: AES in the modes ECB, CBC, CTR and GCM. */

import * as native from 'fn:node-crypto'
import type { Buffer } from 'node:buffer'
import { bufferOf, dataBytes, updateBytes } from './bytes.ts'
import {
  argType,
  argValue,
  coded,
  invalidState,
  needInteger,
  needObject,
  needString,
  openssl,
} from './errors.ts'
import { secretFrom } from './key-slots.ts'
import { LateTransform } from './late-streams.ts'
import { type CipherKind, cipherNames, cipherOf, needCipher } from './names.ts'
import { TextWriter } from './text-writer.ts'

type Done = (error?: unknown) => void

const TAG = 16 // bytes of a whole tag of GCM

const isTagLength = (length: number) =>
  length === 4 || length === 8 || (length >= 12 && length <= TAG)

const badTagLength = (length: number) => {
  const message = `Invalid authentication tag length: ${length}`
  return coded(TypeError, 'ERR_CRYPTO_INVALID_AUTH_TAG', message)
}

function checkKeyAndIv(kind: CipherKind, key: Uint8Array, iv: Uint8Array | undefined): void {
  if (key.length !== kind.keyLength) {
    throw coded(RangeError, 'ERR_CRYPTO_INVALID_KEYLEN', 'Invalid key length')
  }
  const length = iv?.length ?? 0
  if (kind.mode === 'gcm' ? length === 0 : length !== kind.ivLength) {
    throw coded(TypeError, 'ERR_CRYPTO_INVALID_IV', 'Invalid initialization vector')
  }
}

function ivOf(value: unknown): Uint8Array | undefined {
  return value === null ? undefined : dataBytes(value, 'iv')
}

/** The length of a tag that the options demand; undefined if they do not. */
function tagLengthOf(options: unknown, { mode }: CipherKind): number | undefined {
  if (options === undefined || options === null) return undefined
  const { authTagLength } = options as { authTagLength?: unknown }
  if (authTagLength === undefined || mode !== 'gcm') return undefined
  if (
    typeof authTagLength !== 'number' ||
    authTagLength < 0 ||
    (authTagLength | 0) !== authTagLength
  ) {
    throw argValue('options.authTagLength', authTagLength)
  }
  if (!isTagLength(authTagLength)) throw badTagLength(authTagLength)
  return authTagLength
}

/** What Cipheriv and Decipheriv share. */
class Cipher extends LateTransform {
  declare protected readonly kind: CipherKind
  declare protected readonly state: native.Cipher
  declare protected readonly tagLength: number | undefined
  declare protected tag: Uint8Array | undefined
  declare protected finished: boolean
  #padding = true
  #hasData = false
  #decoder: TextWriter | undefined
  #encoding: string | undefined

  constructor(isSeal: boolean, cipher: unknown, key: unknown, iv: unknown, options?: object) {
    super(options)
    const name = needString(cipher, 'cipher')
    const secret = secretFrom(key, 'key', (options as { encoding?: unknown } | undefined)?.encoding)
    const vector = ivOf(iv)
    const found = needCipher(name)
    checkKeyAndIv(found, secret, vector)
    const state = native.cipherNew(found.mode, secret, vector ?? new Uint8Array(0), isSeal)
    const hidden = { kind: found, state, tagLength: tagLengthOf(options, found) }
    for (const [member, value] of Object.entries({ ...hidden, tag: undefined, finished: false })) {
      Object.defineProperty(this, member, { value, writable: true, configurable: true })
    }
  }

  update(data: unknown, inputEncoding?: unknown, outputEncoding?: unknown): Buffer | string {
    const bytes = updateBytes(data, 'data', inputEncoding)
    if (this.finished) throw new Error('Trying to add data in unsupported state')
    this.#hasData = true
    this.beforeData()
    return this.#output(native.cipherUpdate(this.state, bytes, this.#padding), outputEncoding)
  }

  final(outputEncoding?: unknown): Buffer | string {
    if (this.finished) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state')
    this.finished = true
    return this.#output(this.#last(), outputEncoding, true)
  }

  setAutoPadding(padding = true): this {
    if (this.finished) throw invalidState('setAutoPadding')
    this.#padding = Boolean(padding)
    return this
  }

  setAAD(data: unknown, options?: object & { encoding?: unknown }): this {
    const bytes = dataBytes(data, 'aad', options?.encoding)
    if (this.finished || this.#hasData || this.kind.mode !== 'gcm') throw invalidState('setAAD')
    native.cipherAad(this.state, bytes)
    return this
  }

  _transform(chunk: unknown, encoding: unknown, done: Done): void {
    this.#push(this.update(chunk, encoding))
    done()
  }

  _flush(done: Done): void {
    let last: Buffer | string
    try {
      last = this.final()
    } catch (error) {
      done(error)
      return
    }
    this.#push(last)
    done()
  }

  protected beforeData(): void {}

  /** Ends GCM. */
  protected endGcm(): void {}

  #last(): ArrayBuffer {
    if (this.kind.mode === 'gcm') {
      this.endGcm()
      return new ArrayBuffer(0)
    }
    const last = native.cipherFinal(this.state, this.#padding)
    if (last === 'length') throw openssl('1C80006B', 'Provider', 'wrong final block length')
    if (last === 'padding') throw openssl('1C800064', 'Provider', 'bad decrypt')
    return last as ArrayBuffer
  }

  #push(bytes: Buffer | string): void {
    const stream = this as unknown as { push(chunk: Buffer | string): void }
    stream.push(bytes)
  }

  #output(bytes: ArrayBuffer, encoding: unknown, isLast = false): Buffer | string {
    const buffer = bufferOf(bytes)
    if (encoding === undefined || encoding === null || encoding === 'buffer') return buffer
    this.#decoder ??= new TextWriter(String(encoding))
    this.#encoding ??= String(encoding)
    if (this.#encoding !== String(encoding)) {
      throw coded(Error, 'ERR_INTERNAL_ASSERTION', 'Cannot change encoding')
    }
    const text = this.#decoder.write(buffer)
    return isLast ? text + this.#decoder.end() : text
  }
}

export class Cipheriv extends Cipher {
  constructor(cipher: unknown, key: unknown, iv: unknown, options?: object) {
    super(true, cipher, key, iv, options)
  }

  getAuthTag(): Buffer {
    if (this.tag === undefined) throw invalidState('getAuthTag')
    return bufferOf(this.tag.slice())
  }

  protected override endGcm(): void {
    this.tag = new Uint8Array(native.cipherTag(this.state)).slice(0, this.tagLength ?? TAG)
  }
}

const unauthenticated = () => new Error('Unsupported state or unable to authenticate data')

export class Decipheriv extends Cipher {
  constructor(cipher: unknown, key: unknown, iv: unknown, options?: object) {
    super(false, cipher, key, iv, options)
  }

  setAuthTag(tag: unknown, encoding?: unknown): this {
    const bytes = dataBytes(tag, 'buffer', encoding)
    if (this.kind.mode !== 'gcm' || this.finished || this.tag !== undefined) {
      throw invalidState('setAuthTag')
    }
    const expected = this.tagLength
    if (!isTagLength(bytes.length) || (expected !== undefined && expected !== bytes.length)) {
      throw badTagLength(bytes.length)
    }
    this.tag = bytes.slice()
    return this
  }

  protected override endGcm(): void {
    if (this.tag === undefined || !native.cipherVerify(this.state, this.tag)) {
      throw unauthenticated()
    }
  }
}

export const createCipheriv = (cipher: unknown, key: unknown, iv: unknown, options?: object) =>
  new Cipheriv(cipher, key, iv, options)

export const createDecipheriv = (cipher: unknown, key: unknown, iv: unknown, options?: object) =>
  new Decipheriv(cipher, key, iv, options)

export const getCiphers = (): string[] => cipherNames()

export function getCipherInfo(
  nameOrNid: unknown,
  options?: { keyLength?: unknown; ivLength?: unknown },
) {
  if (typeof nameOrNid !== 'string' && typeof nameOrNid !== 'number') {
    throw argType('nameOrNid', 'one of type string or number', nameOrNid)
  }
  if (typeof nameOrNid === 'number') needInteger(nameOrNid, 'nameOrNid', 0, 2 ** 31 - 1)
  const { keyLength, ivLength } = options === undefined ? {} : needObject(options, 'options')
  for (const [name, value] of Object.entries({ keyLength, ivLength })) {
    if (value !== undefined) needInteger(value, `options.${name}`, 0, 2 ** 31 - 1)
  }
  const found =
    typeof nameOrNid === 'string'
      ? cipherOf(nameOrNid)
      : cipherNames()
          .map(cipherOf)
          .find((kind) => kind?.nid === nameOrNid)
  if (found === undefined) return undefined
  if (keyLength !== undefined && keyLength !== found.keyLength) return undefined
  const { mode, name, nid } = found
  const isFree = mode === 'gcm'
  if (ivLength !== undefined && (isFree ? ivLength === 0 : ivLength !== found.ivLength)) {
    return undefined
  }
  const blockSize = mode === 'ecb' || mode === 'cbc' ? 16 : 1
  const iv = mode === 'ecb' ? {} : { ivLength: (ivLength as number) ?? found.ivLength }
  return { mode, name, nid, blockSize, ...iv, keyLength: found.keyLength }
}
