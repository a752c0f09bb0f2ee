/** What C gives to these modules; see guest/quickjs/node/bundle_imports.c. */
declare module 'fn:async' {
  /** What `run` or `enter` put in force here, also after an `await`. */
  export function current(): unknown
  /** Calls `fn` with `value` in force. */
  export function run(value: unknown, fn: () => unknown): unknown
  /** Puts `value` in force until the code that runs now ends. */
  export function enter(value: unknown): void
}

declare module 'fn:assets' {
  /** New bytes of an asset of the bundle, by its URL. */
  export function read(url: string): Uint8Array | undefined
}

declare module 'fn:worker' {
  /** The function's own, frozen. */
  export const env: Readonly<Record<string, string>>
  /** The memory limit of the function. */
  export const memoryBytes: number
}

declare module 'fn:fs' {
  /** An open file; closed when nobody has it any more. */
  export interface File {
    readonly __file: never
  }
  /** Flags as Node has them: `r`, `w+`, `ax`. */
  export function open(path: string, flags: string, mode: number): File
  export function close(file: File): void
  /** A position below 0 is the file's own. */
  export function read(file: File, into: Uint8Array, position: number): number
  export function write(file: File, bytes: Uint8Array, position: number): number
  /** dev, mode, nlink, uid, gid, rdev, blksize, ino, size, blocks, atime, mtime and ctime in ms. */
  export function stat(path: string, follow: boolean): number[]
  export function fstat(file: File): number[]
  export function truncate(file: File, length: number): void
  export function sync(file: File): void
  export function datasync(file: File): void
  /** Name and kind by turns: d, f, l or ?. */
  export function readdir(path: string): string[]
  export function mkdir(path: string, mode: number): void
  export function unlink(path: string): void
  export function rmdir(path: string): void
  export function rename(from: string, to: string): void
  export function readlink(path: string): string
  export function realpath(path: string): string
}

declare module 'fn:process' {
  /** A program that was started. */
  export interface Program {
    readonly __program: never
  }
  /**
   * Its events: `exit` with status and signal, `written` with 0 or a negative errno for each write,
   * `stdout` and `stderr` with bytes, or null at the end.
   */
  export function spawn(
    file: string,
    args: string[],
    env: string[],
    cwd: string | undefined,
    onEvent: (what: string, first: unknown, second: unknown) => void,
  ): Program
  export function pid(program: Program): number
  export function read(program: Program, output: 1 | 2): void
  export function pause(program: Program, output: 1 | 2): void
  export function write(program: Program, bytes: Uint8Array): void
  export function end(program: Program): void
  export function kill(program: Program, signal: number): boolean
}

declare module 'fn:hash' {
  /** A hash or an HMAC under way. */
  export interface Hasher {
    readonly __hasher: never
  }
  /** Names as Node has them: sha256. */
  export function createHash(name: string): Hasher
  export function createHmac(name: string, key: Uint8Array): Hasher
  export function hashUpdate(hasher: Hasher, bytes: Uint8Array): void
  export function hashDigest(hasher: Hasher): ArrayBuffer
  export function hashCopy(hasher: Hasher): Hasher
  /** Of the same length, in a time that depends on nothing else. */
  export function equal(left: Uint8Array, right: Uint8Array): boolean
}

declare module 'fn:node-crypto' {
  /** Key material, which JS can only hold and pass back. */
  export interface Key {
    readonly __key: never
  }
  export interface Cipher {
    readonly __cipher: never
  }
  type Bytes = Uint8Array | ArrayBuffer

  // An operation that refuses a key or data throws a DOMException.

  export function secretKey(bytes: Bytes): Key
  export function secretBytes(key: Key): ArrayBuffer
  export function randomBytes(count: number): ArrayBuffer

  export function pbkdf2(
    hash: string,
    key: Key,
    salt: Bytes,
    iterations: number,
    length: number,
  ): ArrayBuffer
  export function hkdf(
    hash: string,
    key: Key,
    salt: Bytes,
    info: Bytes,
    length: number,
  ): ArrayBuffer
  export function scrypt(
    password: Bytes,
    salt: Bytes,
    N: number,
    r: number,
    p: number,
    length: number,
  ): ArrayBuffer

  export function rsaGenerate(bits: number, exponent: number): Key
  /** An RSAPublicKey or an RSAPrivateKey in DER. */
  export function rsaImportPublic(der: Bytes): Key
  export function rsaImportPrivate(der: Bytes): Key
  /** n, e, d, p, q, dp, dq, qi; or the first two of them. */
  export function rsaImportNumbers(...numbers: Bytes[]): Key
  export function rsaPublic(key: Key): Key
  export function rsaNumbers(key: Key): ArrayBuffer[]
  export function rsaWrite(key: Key): ArrayBuffer
  export function rsaBits(key: Key): number
  export function oaepEncrypt(key: Key, hash: string, data: Bytes, label: Bytes): ArrayBuffer
  export function oaepDecrypt(key: Key, hash: string, data: Bytes, label: Bytes): ArrayBuffer
  export function rsaEncrypt(key: Key, data: Bytes): ArrayBuffer
  export function rsaDecrypt(key: Key, data: Bytes): ArrayBuffer
  export function rsaRawPublic(key: Key, data: Bytes): ArrayBuffer
  export function rsaRawPrivate(key: Key, data: Bytes): ArrayBuffer
  /** Without a hash the digest is signed as it is; `salt` undefined: PKCS #1 v1.5, else PSS. */
  export function rsaSignDigest(
    key: Key,
    hash: string | undefined,
    digest: Bytes,
    salt: number | undefined,
  ): ArrayBuffer
  /** `salt` 2 ** 32 - 1: of any length. */
  export function rsaVerifyDigest(
    key: Key,
    hash: string | undefined,
    digest: Bytes,
    salt: number | undefined,
    signature: Bytes,
  ): boolean

  export function ecGenerate(curve: string): Key
  export function ecImportPublic(curve: string, point: Bytes): Key
  export function ecImportPrivate(curve: string, secret: Bytes, point: Bytes | undefined): Key
  export function ecPublic(key: Key): Key
  export function ecPoint(key: Key): ArrayBuffer
  export function ecSecret(key: Key): ArrayBuffer
  /** r and s, each with the length of the curve's order. */
  export function ecSignDigest(key: Key, digest: Bytes): ArrayBuffer
  export function ecVerifyDigest(key: Key, digest: Bytes, signature: Bytes): boolean
  export function ecDerive(own: Key, peer: Key): ArrayBuffer

  export function edGenerate(): Key
  export function edImportPublic(bytes: Bytes): Key
  export function edImportPrivate(bytes: Bytes): Key
  export function edPublic(key: Key): ArrayBuffer
  export function edSecret(key: Key): ArrayBuffer
  export function edSign(key: Key, data: Bytes): ArrayBuffer
  export function edVerify(key: Key, data: Bytes, signature: Bytes): boolean
  export function xGenerate(): Key
  export function xImportPublic(bytes: Bytes): Key
  export function xImportPrivate(bytes: Bytes): Key
  export function xPublic(key: Key): ArrayBuffer
  export function xSecret(key: Key): ArrayBuffer
  export function xDerive(own: Key, peer: Key): ArrayBuffer

  export function cipherNew(mode: string, key: Bytes, iv: Bytes, encrypt: boolean): Cipher
  export function cipherAad(cipher: Cipher, bytes: Bytes): void
  export function cipherUpdate(cipher: Cipher, bytes: Bytes, padding: boolean): ArrayBuffer
  /** A string says why there is no last block. */
  export function cipherFinal(cipher: Cipher, padding: boolean): ArrayBuffer | 'length' | 'padding'
  export function cipherTag(cipher: Cipher): ArrayBuffer
  export function cipherVerify(cipher: Cipher, tag: Bytes): boolean

  export function webImport(
    format: string,
    data: Bytes,
    algorithm: unknown,
    extractable: boolean,
    usages: string[],
  ): CryptoKey
  export function webParts(
    value: unknown,
  ):
    | { type: 'secret' | 'public' | 'private'; material: Key; name: string; namedCurve?: string }
    | undefined
}

declare module 'fn:dns' {
  /** Asks the service. The headers `address` of the response are the addresses. */
  export function lookUp(
    name: string,
    done: (response: Response | undefined, error: unknown) => void,
  ): void
}

declare module 'fn:zlib' {
  /** A stream of zlib. */
  export interface Codec {
    readonly __codec: never
  }
  /** The most bytes that one step makes. */
  export const OUTPUT_PART: number
  /** Mode as Node numbers it. Returns zlib's error code if it refuses the options. */
  export function open(
    mode: number,
    windowBits: number,
    level: number,
    memLevel: number,
    strategy: number,
    dictionary: Uint8Array | undefined,
  ): Codec | number
  /** Returns zlib's status. `state` receives the room and the input that are left. */
  export function step(
    codec: Codec,
    flush: number,
    input: Uint8Array,
    inAt: number,
    inLength: number,
    output: Uint8Array,
    outAt: number,
    outLength: number,
    state: Uint32Array,
  ): number
  export function message(codec: Codec): string | null
  export function params(codec: Codec, level: number, strategy: number): number
  export function reset(codec: Codec): number
  export function close(codec: Codec): void
  export function crc32(bytes: Uint8Array, value: number): number
}

declare module 'fn:values' {
  /** The engine's class of an object, such as Map or Proxy; '' for other values. */
  export function classOf(value: unknown): string
  /** Makes `typeof` of a function say undefined, and the function falsy. */
  export function hide(fn: (...args: never[]) => unknown): void
  /** What an iterator of a Map or Set has still to give, and whether these are keys and values by turns. */
  export function peekIterator(value: unknown): [unknown[], boolean] | undefined
  /** Whether a promise is fulfilled, and its value or reason; undefined while it is pending. */
  export function promiseResult(value: unknown): [boolean, unknown] | undefined
  /** Target and handler of a proxy; null if it was revoked. */
  export function proxyParts(value: unknown): [unknown, unknown] | undefined
}
