/**
 * Headers of tar archives in the ustar format (POSIX.1-1988), for plain files. Bun.Archive keeps a whole
 * archive in memory, and the libraries read much more than a backup contains: links, devices, extended
 * headers of any length. This reader knows what its writer writes, and refuses everything else.
 */

export const BLOCK_BYTES = 512
const END_OF_OCTAL = 8 ** 11

const NAME = [0, 100] as const
const MODE = [100, 8] as const
const UID = [108, 8] as const
const GID = [116, 8] as const
const SIZE = [124, 12] as const
const MTIME = [136, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE = 156
const MAGIC = 257
const PREFIX = [345, 155] as const
const PLAIN_FILE = '0'
const USTAR = 'ustar\x0000'

/** The header of a file; `path` has printable ASCII characters only. */
export function encodeHeader(path: string, size: number, mtimeSeconds: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  const { prefix, name } = splitPath(path)
  header.write(name, NAME[0], 'latin1')
  header.write(prefix, PREFIX[0], 'latin1')
  writeOctal(header, MODE, 0o600)
  writeOctal(header, UID, 0)
  writeOctal(header, GID, 0)
  if (size < END_OF_OCTAL) writeOctal(header, SIZE, size)
  else writeBinary(header, size)
  writeOctal(header, MTIME, mtimeSeconds)
  header.write(PLAIN_FILE, TYPE, 'latin1')
  header.write(USTAR, MAGIC, 'latin1')
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, CHECKSUM[0], 'latin1')
  return header
}

/** Undefined if the block is not the header of a plain file. */
export function decodeHeader(block: Buffer): { path: string; size: number } | undefined {
  const stated = Number.parseInt(text(block, CHECKSUM), 8)
  const magic = block.toString('latin1', MAGIC, MAGIC + USTAR.length)
  const type = String.fromCharCode(block[TYPE] ?? 0)
  if (stated !== checksum(block) || magic !== USTAR || type !== PLAIN_FILE) return undefined
  const prefix = text(block, PREFIX)
  const size = readSize(block)
  if (!Number.isSafeInteger(size)) return undefined
  return { path: prefix === '' ? text(block, NAME) : `${prefix}/${text(block, NAME)}`, size }
}

/** Bytes that fill the last block of a file. */
export function paddingOf(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES
}

function splitPath(path: string): { prefix: string; name: string } {
  if (path.length <= NAME[1]) return { prefix: '', name: path }
  const at = path.indexOf('/', path.length - NAME[1] - 1)
  if (at < 0 || at > PREFIX[1]) throw new Error(`${path} is too long for a tar archive`)
  return { prefix: path.slice(0, at), name: path.slice(at + 1) }
}

function writeOctal(header: Buffer, [at, length]: readonly [number, number], value: number): void {
  header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
}

/** GNU's form of a size of 8 GiB or more: big-endian, with the highest bit set. */
function writeBinary(header: Buffer, value: number): void {
  header[SIZE[0]] = 0x80
  header.writeBigUInt64BE(BigInt(value), SIZE[0] + SIZE[1] - 8)
}

function readSize(block: Buffer): number {
  if (block[SIZE[0]] === 0x80) return Number(block.readBigUInt64BE(SIZE[0] + SIZE[1] - 8))
  const digits = text(block, SIZE)
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
}

function text(block: Buffer, [at, length]: readonly [number, number]): string {
  const field = block.toString('latin1', at, at + length)
  const end = field.indexOf('\0')
  return end < 0 ? field : field.slice(0, end)
}

/** The sum of all bytes, those of the checksum counted as spaces. */
function checksum(block: Buffer): number {
  let sum = CHECKSUM[1] * 0x20
  for (const [at, byte] of block.entries()) {
    if (at < CHECKSUM[0] || at >= CHECKSUM[0] + CHECKSUM[1]) sum += byte
  }
  return sum
}
