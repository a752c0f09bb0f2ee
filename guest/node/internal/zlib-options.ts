/** The options of node:zlib, checked as Node checks them. Each is read once. */

import { invalidArgType, outOfRange } from './errors.ts'
import { MODES, ZLIB_CONSTANTS as Z } from './zlib-constants.ts'

/** The longest Buffer. */
const MAX_LENGTH = 2 ** 31 - 1

type Given = Record<string, unknown>

export interface ZlibSettings {
  chunkSize: number
  flush: number
  finishFlush: number
  maxOutputLength: number
  windowBits: number
  level: number
  memLevel: number
  strategy: number
  dictionary: Uint8Array | undefined
  info: boolean
}

/** Whether there is a number; false asks for the default. */
function isNumber(value: unknown, name: string): value is number {
  if (value === undefined || Number.isNaN(value)) return false
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isFinite(value)) throw outOfRange(name, 'a finite number', value)
  return true
}

function inRange(value: unknown, name: string, min: number, max: number, otherwise: number) {
  if (!isNumber(value, name)) return otherwise
  if (value < min || value > max) throw outOfRange(name, `>= ${min} and <= ${max}`, value)
  return value
}

export const levelOf = (value: unknown, name: string) =>
  inRange(value, name, Z.Z_MIN_LEVEL, Z.Z_MAX_LEVEL, Z.Z_DEFAULT_LEVEL)

export const strategyOf = (value: unknown, name: string) =>
  inRange(value, name, Z.Z_DEFAULT_STRATEGY, Z.Z_FIXED, Z.Z_DEFAULT_STRATEGY)

function chunkSizeOf(value: unknown): number {
  if (!isNumber(value, 'options.chunkSize')) return Z.Z_DEFAULT_CHUNK
  if (value < Z.Z_MIN_CHUNK) throw outOfRange('options.chunkSize', `>= ${Z.Z_MIN_CHUNK}`, value)
  return Math.trunc(value)
}

function windowBitsOf(value: unknown, mode: number): number {
  const decompresses = [MODES.INFLATE, MODES.GUNZIP, MODES.UNZIP].includes(mode)
  // The window of the data's own header.
  if ((value === undefined || value === null || value === 0) && decompresses) return 0
  const min = Z.Z_MIN_WINDOWBITS + (mode === MODES.GZIP ? 1 : 0)
  const max = Z.Z_MAX_WINDOWBITS
  const bits = inRange(value ?? undefined, 'options.windowBits', min, max, Z.Z_DEFAULT_WINDOWBITS)
  // zlib no longer writes raw data with a window of 256 bytes.
  return mode === MODES.DEFLATERAW && bits === 8 ? 9 : bits
}

function dictionaryOf(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return new Uint8Array(value)
  }
  const expected = 'an instance of Buffer, TypedArray, DataView, or ArrayBuffer'
  throw invalidArgType('options.dictionary', expected, value)
}

export function settingsOf(given: Given | null | undefined, mode: number): ZlibSettings {
  const options: Given = given ?? { __proto__: null }
  const flushOf = (name: 'flush' | 'finishFlush', otherwise: number) =>
    inRange(options[name], `options.${name}`, Z.Z_NO_FLUSH, Z.Z_BLOCK, otherwise)
  return {
    chunkSize: chunkSizeOf(options.chunkSize),
    flush: flushOf('flush', Z.Z_NO_FLUSH),
    finishFlush: flushOf('finishFlush', Z.Z_FINISH),
    maxOutputLength: inRange(
      options.maxOutputLength,
      'options.maxOutputLength',
      1,
      MAX_LENGTH,
      MAX_LENGTH,
    ),
    windowBits: windowBitsOf(options.windowBits, mode),
    level: levelOf(options.level, 'options.level'),
    memLevel: inRange(
      options.memLevel,
      'options.memLevel',
      Z.Z_MIN_MEMLEVEL,
      Z.Z_MAX_MEMLEVEL,
      Z.Z_DEFAULT_MEMLEVEL,
    ),
    strategy: strategyOf(options.strategy, 'options.strategy'),
    dictionary: dictionaryOf(options.dictionary),
    info: Boolean(options.info),
  }
}
