/**
 * The archive of a backup: a tar file in a fixed order, so that it is written and read in one pass with
 * little memory, however many bundles there are.
 *
 *     functions-backup.json   format, release, time
 *     settings.toml           the settings of the service
 *     metadata.db             a snapshot; the rows name the bundles
 *     logs.db, metrics.db     snapshots, unless they were left out
 *     bundles/...             sorted by path
 *     missing.txt             bundles that the rows name and that were missing or damaged, if there were any
 *     SHA256SUMS              of every entry above, in the form of sha256sum
 *
 * `secret.key` is not there, and has no place: a backup must not contain the key to its own secrets.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import { MAX_BUNDLE_BYTES } from '../bundles/build.ts'
import {
  ACTIVE_FILE,
  BUNDLE_FILE,
  BUNDLES,
  bundleOwner,
  isFunctionId,
  MANIFEST_FILE,
  MAP_FILE,
} from '../bundles/files.ts'
import { MAX_MAP_BYTES } from '../bundles/source-map.ts'
import { MAX_MANIFEST_BYTES } from '../bundles/version-manifest.ts'
import { FunctionError } from '../errors.ts'
import { BLOCK_BYTES, decodeHeader, encodeHeader, paddingOf } from './ustar.ts'

/** A reader refuses a higher number. */
const FORMAT = 1
const HEADER = 'functions-backup.json'
export const SETTINGS = 'settings.toml'
export const METADATA = 'metadata.db'
export const TELEMETRY = ['logs.db', 'metrics.db'] as const
export const MISSING = 'missing.txt'
const SUMS = 'SHA256SUMS'

const CHUNK_BYTES = 256 * 1024
/** Size of the small text entries, and of one line of SHA256SUMS. */
const MAX_TEXT_BYTES = 2 ** 20
/** Size of the list of missing bundles, which a restore has in memory: 300,000 of the longest paths. */
const MAX_MISSING_BYTES = 2 ** 26

const headerSchema = z.object({
  format: z.int().min(1),
  // It is printed, so it may not control a terminal.
  release: z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/),
  createdAt: z.iso.datetime(),
})

export type BackupHeader = z.infer<typeof headerSchema>

/** Takes the bytes of an archive in order. */
export type Sink = (bytes: Uint8Array) => Promise<unknown>

/** Writes the entries of an archive, which must come in its order. */
export class ArchiveWriter {
  readonly #sink: Sink
  /** The lines of SHA256SUMS: too many for memory if there are many bundles. */
  readonly #sums: FileHandle
  readonly #mtime = Math.floor(Date.now() / 1000)
  #lines = ''
  #sumsBytes = 0
  readonly #hash = createHash('sha256')
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  bytes = 0
  files = 0

  /** @param sums an empty file, open for reading and writing */
  constructor(sink: Sink, sums: FileHandle) {
    this.#sink = sink
    this.#sums = sums
  }

  async begin(release: string): Promise<void> {
    const header = { format: FORMAT, release, createdAt: new Date().toISOString() }
    await this.addText(HEADER, `${JSON.stringify(header)}\n`)
  }

  async addText(path: string, text: string): Promise<void> {
    const bytes = Buffer.from(text)
    await this.add(path, bytes.length, [bytes])
  }

  /**
   * @returns the digest of the content
   * @throws {Error} if the content has not the stated size
   */
  async add(
    path: string,
    size: number,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<string> {
    await this.#write(encodeHeader(path, size, this.#mtime))
    const hash = createHash('sha256')
    let left = size
    for await (const chunk of content) {
      left -= chunk.length
      if (left < 0) break
      hash.update(chunk)
      await this.#write(chunk)
    }
    if (left !== 0) throw new Error(`${path} changed its size while it was copied`)
    await this.#write(Buffer.alloc(paddingOf(size)))
    const digest = hash.digest('hex')
    this.files++
    await this.#addLine(`${digest}  ${path}\n`)
    return digest
  }

  /** Writes SHA256SUMS and the end of the archive. @returns the digest of the whole archive */
  async end(): Promise<string> {
    await this.#flushLines()
    await this.#write(encodeHeader(SUMS, this.#sumsBytes, this.#mtime))
    for await (const chunk of chunksOf(this.#sums)) await this.#write(chunk)
    await this.#write(Buffer.alloc(paddingOf(this.#sumsBytes) + 2 * BLOCK_BYTES))
    await this.#flush()
    return this.#hash.digest('hex')
  }

  async #addLine(line: string): Promise<void> {
    this.#lines += line
    if (this.#lines.length >= CHUNK_BYTES) await this.#flushLines()
  }

  async #flushLines(): Promise<void> {
    const bytes = Buffer.from(this.#lines)
    this.#lines = ''
    this.#sumsBytes += bytes.length
    await this.#sums.appendFile(bytes)
  }

  /** Small pieces leave together. */
  async #write(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= CHUNK_BYTES) await this.#flush()
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#hash.update(bytes)
    await this.#sink(bytes)
  }
}

/** Reads a file from its beginning. */
export async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Reads a file by its path. */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    yield* chunksOf(file)
  } finally {
    await file.close()
  }
}

/** One entry; its content must be read before the next entry. */
export interface Entry {
  path: string
  size: number
  content: AsyncGenerator<Uint8Array>
}

/**
 * Reads an archive and checks all of it: form, order, names, sizes, digests. The last entry has been
 * checked only when the generator ends without an error.
 *
 * @throws {FunctionError} BACKUP_INVALID
 */
export async function* readArchive(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Entry, BackupHeader> {
  const reader = new Reader(source)
  const sums = createHash('sha256')
  let sumsBytes = 0
  const addLine = (digest: string, path: string) => {
    const line = `${digest}  ${path}\n`
    sums.update(line)
    sumsBytes += Buffer.byteLength(line)
  }
  let header: BackupHeader | undefined
  let last = ''
  for (;;) {
    const block = await reader.take(BLOCK_BYTES)
    const found = decodeHeader(block)
    if (found === undefined) {
      throw invalid('it is not a backup, or a part of it is damaged: an entry is no plain file')
    }
    const { path, size } = found
    checkPlace(path, size, last)
    last = path
    if (header === undefined) {
      const text = await reader.text(path === HEADER ? size : 0)
      header = readHeader(text)
      addLine(createHash('sha256').update(text).digest('hex'), path)
      await reader.skipPadding(size)
      continue
    }
    if (path === SUMS) {
      if (size !== sumsBytes) throw invalid('SHA256SUMS does not name every entry once')
      await checkSums(reader, size, sums.digest('hex'))
      return header
    }
    const hash = createHash('sha256')
    yield { path, size, content: reader.chunks(size, (chunk) => hash.update(chunk)) }
    await reader.skipPadding(size)
    addLine(hash.digest('hex'), path)
  }
}

async function checkSums(reader: Reader, size: number, expected: string): Promise<void> {
  const stated = createHash('sha256')
  for await (const chunk of reader.chunks(size)) stated.update(chunk)
  await reader.skipPadding(size)
  if (stated.digest('hex') !== expected) {
    throw invalid('the content of an entry does not have the digest that SHA256SUMS states')
  }
  const end = await reader.take(2 * BLOCK_BYTES)
  if (end.some((byte) => byte !== 0) || !(await reader.atEnd())) {
    throw invalid('something follows its last entry')
  }
}

function readHeader(text: string): BackupHeader {
  let header: BackupHeader
  try {
    header = headerSchema.parse(JSON.parse(text))
  } catch {
    throw invalid(`it does not begin with a valid ${HEADER}`)
  }
  if (header.format <= FORMAT) return header
  const message = `its format is ${header.format}, and this release reads up to ${FORMAT}: use functions ${header.release} or newer`
  throw invalid(message)
}

/**
 * The order of entries. It is strict, so no path occurs twice and none is missed by a check that only
 * looks at the last path.
 */
function rankOf(path: string): number {
  const kind = path.startsWith(`${BUNDLES}/`) ? BUNDLES : path
  return [HEADER, SETTINGS, METADATA, ...TELEMETRY, BUNDLES, MISSING, SUMS].indexOf(kind)
}

function checkPlace(path: string, size: number, last: string): void {
  const limit = sizeLimit(path)
  if (limit === undefined)
    throw invalid(`it contains ${JSON.stringify(path)}, which no backup does`)
  if (size > limit) throw invalid(`${path} has ${size} bytes; the limit is ${limit}`)
  const [rank, lastRank] = [rankOf(path), last === '' ? -1 : rankOf(last)]
  const inOrder = rank > lastRank || (rank === lastRank && path.startsWith(BUNDLES) && path > last)
  const first = last === '' && path !== HEADER
  if (!inOrder || first) throw invalid(`${path} is not at its place, or there twice`)
}

/** Maximum size of an entry in bytes; undefined for a path that does not belong into a backup. */
export function sizeLimit(path: string): number | undefined {
  if (path === HEADER || path === SETTINGS) return MAX_TEXT_BYTES
  // SHA256SUMS must have exactly the size of its lines, and is not kept.
  const large = [METADATA, ...TELEMETRY, SUMS]
  if (large.includes(path)) return Number.MAX_SAFE_INTEGER
  if (path === MISSING) return MAX_MISSING_BYTES
  const [root, id = '', ...rest] = path.split('/')
  if (root !== BUNDLES || !isFunctionId(id)) return undefined
  if (rest.length === 1 && rest[0] === ACTIVE_FILE) return MAX_TEXT_BYTES
  const [directory = '', file, ...more] = rest
  if (more.length > 0 || bundleOwner(`${BUNDLES}/${id}/${directory}`) === undefined)
    return undefined
  if (file === BUNDLE_FILE) return MAX_BUNDLE_BYTES
  if (file === MAP_FILE) return MAX_MAP_BYTES
  return file === MANIFEST_FILE ? MAX_MANIFEST_BYTES : undefined
}

/** Cuts a stream into pieces of the wanted length. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for await (const chunk of this.chunks(bytes)) parts.push(chunk)
    return Buffer.concat(parts)
  }

  async text(bytes: number): Promise<string> {
    return (await this.take(bytes)).toString('utf8')
  }

  async *chunks(bytes: number, seen?: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (!(await this.#fill())) throw invalid('it is cut off')
      const chunk = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(chunk.length)
      left -= chunk.length
      seen?.(chunk)
      yield chunk
    }
  }

  async skipPadding(size: number): Promise<void> {
    await this.take(paddingOf(size))
  }

  async atEnd(): Promise<boolean> {
    return !(await this.#fill())
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#source.next()
      if (done === true) return false
      this.#rest = value
    }
    return true
  }
}

export function invalid(why: string, cause?: unknown): FunctionError {
  const message = `The backup cannot be used: ${why}.`
  return new FunctionError('BACKUP_INVALID', message, { cause })
}
