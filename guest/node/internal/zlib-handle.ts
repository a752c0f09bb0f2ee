/** One stream of zlib, with the interface of Node's own handle: packages for images and archives use it. */

import * as native from 'fn:zlib'
import { nodeError } from './errors.ts'
import { MODES, ZLIB_CODES, ZLIB_CONSTANTS } from './zlib-constants.ts'
import type { ZlibSettings } from './zlib-options.ts'

const { Z_FINISH } = ZLIB_CONSTANTS

/** A part of an input or of an output: bytes, offset, length. */
type Part = [bytes: Uint8Array, at: number, length: number]

export type ZlibError = Error & { code: string; errno: number }

function nameOf(status: number): string {
  return Object.entries(ZLIB_CODES).find(([, code]) => code === status)?.[0] ?? 'Z_ERRNO'
}

function zlibError(status: number, message: string): ZlibError {
  return Object.assign(nodeError(nameOf(status), message), { errno: status }) as ZlibError
}

export class ZlibHandle {
  readonly #codec: native.Codec
  readonly #hasDictionary: boolean
  readonly #compresses: boolean
  /** A compressor has written its end. */
  #ended = false
  /** What a write left: room in the output, and input. Packages read it. */
  readonly state = new Uint32Array(2)
  /** Called with the error of `writeSync`. */
  onerror: ((message: string, errno: number, code: string) => void) | undefined
  closed = false

  constructor(mode: number, settings: ZlibSettings) {
    const { windowBits, level, memLevel, strategy, dictionary } = settings
    const codec = native.open(mode, windowBits, level, memLevel, strategy, dictionary)
    if (typeof codec === 'number') {
      const bad = dictionary !== undefined && mode === MODES.DEFLATERAW
      throw zlibError(codec, bad ? 'Failed to set dictionary' : 'Init error')
    }
    this.#codec = codec
    this.#hasDictionary = dictionary !== undefined
    this.#compresses = [MODES.DEFLATE, MODES.GZIP, MODES.DEFLATERAW].includes(mode)
  }

  /**
   * Writes until the input is used up, the output is full, or the data ends; `state` has what is left.
   *
   * @throws {ZlibError} with the codes of Node
   */
  write(flush: number, [input, inAt, inLength]: Part, [output, outAt, outLength]: Part): void {
    let [inLeft, outLeft] = [inLength, outLength]
    // A flush that was asked for before the end, and comes after it.
    if (this.#ended && inLength === 0 && flush !== Z_FINISH) {
      this.state.set([outLength, 0])
      return
    }
    for (;;) {
      const [inBefore, outBefore] = [inLeft, outLeft]
      const from = inAt + inLength - inLeft
      const to = outAt + outLength - outLeft
      const { state } = this
      const status = native.step(
        this.#codec,
        flush,
        input,
        from,
        inLeft,
        output,
        to,
        outLeft,
        state,
      )
      ;[outLeft, inLeft] = [state[0] as number, state[1] as number]
      const failed = status < 0 && status !== ZLIB_CODES.Z_BUF_ERROR
      const moved = outLeft < outBefore || inLeft < inBefore
      // A step that made less than it may has more to do only if there is more input.
      const more = inLeft > 0 || outBefore - outLeft >= native.OUTPUT_PART
      const full = outLeft === 0
      if (failed || status === ZLIB_CODES.Z_NEED_DICT || !moved || !more || full) {
        this.#check(status, flush)
        this.#ended = this.#compresses && status === ZLIB_CODES.Z_STREAM_END
        return
      }
    }
  }

  #check(status: number, flush: number): void {
    const said = native.message(this.#codec)
    switch (status) {
      case ZLIB_CODES.Z_OK:
      case ZLIB_CODES.Z_BUF_ERROR:
        if (this.state[0] !== 0 && flush === Z_FINISH) {
          throw zlibError(ZLIB_CODES.Z_BUF_ERROR, said ?? 'unexpected end of file')
        }
        return
      case ZLIB_CODES.Z_STREAM_END:
        return
      case ZLIB_CODES.Z_NEED_DICT:
        throw zlibError(
          status,
          said ?? (this.#hasDictionary ? 'Bad dictionary' : 'Missing dictionary'),
        )
      default:
        throw zlibError(status, said ?? 'Zlib error')
    }
  }

  /** As Node's handle has it: an error goes to `onerror`. */
  writeSync(
    flush: number,
    input: Uint8Array | null,
    inAt: number,
    inLength: number,
    output: Uint8Array,
    outAt: number,
    outLength: number,
  ): void {
    try {
      this.write(flush, [input ?? new Uint8Array(0), inAt, inLength], [output, outAt, outLength])
    } catch (error) {
      const { message, errno, code } = error as ZlibError
      if (this.onerror === undefined || errno === undefined) throw error
      this.onerror(message, errno, code)
    }
  }

  params(level: number, strategy: number): void {
    const status = native.params(this.#codec, level, strategy)
    if (status !== ZLIB_CODES.Z_OK && status !== ZLIB_CODES.Z_BUF_ERROR) {
      throw zlibError(status, 'Failed to set parameters')
    }
  }

  reset(): void {
    this.#ended = false
    const status = native.reset(this.#codec)
    if (status !== ZLIB_CODES.Z_OK) throw zlibError(status, 'Failed to reset stream')
  }

  /** Frees the memory of zlib now. */
  close(): void {
    this.closed = true
    native.close(this.#codec)
  }
}
