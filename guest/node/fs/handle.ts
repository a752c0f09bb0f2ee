/** FileHandle, which `open` of node:fs/promises returns. */

import * as native from 'fn:fs'
import { Buffer } from 'node:buffer'
import {
  CHUNK_BYTES,
  type Data,
  decoded,
  type FileOptions,
  readSteps,
  Stats,
  toBytes,
  toOptions,
  writeSteps,
} from './files.ts'

const STREAM_BYTES = 64 * 1024

/** Runs the steps of a long call. Other invocations get a turn after each. */
export async function inTurns<T>(steps: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    signal?.throwIfAborted()
    const { done, value } = steps.next()
    if (done) {
      return value as T
    }
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

type Position = number | bigint | null | undefined
const positionOf = (position: Position) => (position == null ? -1 : Number(position))

interface ReadOptions<T extends ArrayBufferView> {
  buffer?: T
  offset?: number
  length?: number
  position?: Position
}

function part(view: ArrayBufferView, offset = 0, length?: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).subarray(
    offset,
    length == null ? undefined : offset + length,
  )
}

export class FileHandle {
  readonly #file: native.File
  #closed = false

  constructor(file: native.File) {
    this.#file = file
  }

  async read<T extends ArrayBufferView = Uint8Array>(
    first?: T | ReadOptions<T>,
    offset?: number | ReadOptions<T>,
    length?: number,
    position?: Position,
  ): Promise<{ bytesRead: number; buffer: T }> {
    const given: ReadOptions<T> = ArrayBuffer.isView(first)
      ? typeof offset === 'object'
        ? { buffer: first, ...offset }
        : { buffer: first, offset: offset ?? 0, length: length as number, position }
      : (first ?? {})
    const buffer = given.buffer ?? (Buffer.alloc(16_384) as unknown as T)
    const target = part(buffer, given.offset, given.length)
    return { bytesRead: native.read(this.#file, target, positionOf(given.position)), buffer }
  }

  async write<T extends string | ArrayBufferView>(
    data: T,
    offset?: number | null,
    length?: number | string | null,
    position?: Position,
  ): Promise<{ bytesWritten: number; buffer: T }> {
    const isText = typeof data === 'string'
    const bytes = isText
      ? toBytes(data, typeof length === 'string' ? length : undefined)
      : part(data as ArrayBufferView, offset ?? 0, length as number | undefined)
    const at = positionOf(isText ? offset : position)
    return { bytesWritten: native.write(this.#file, bytes, at), buffer: data }
  }

  async readFile(options?: FileOptions | string | null) {
    const { encoding, signal } = toOptions<FileOptions>(options)
    return decoded(await inTurns(readSteps(this.#file), signal), encoding)
  }

  async writeFile(data: Data, options?: FileOptions | string | null): Promise<void> {
    const { encoding, signal } = toOptions<FileOptions>(options)
    await inTurns(writeSteps(this.#file, toBytes(data, encoding ?? undefined)), signal)
  }

  appendFile(data: Data, options?: FileOptions | string | null): Promise<void> {
    return this.writeFile(data, options)
  }

  async stat(): Promise<Stats> {
    return new Stats(native.fstat(this.#file))
  }

  async truncate(length = 0): Promise<void> {
    native.truncate(this.#file, length)
  }

  async sync(): Promise<void> {
    native.sync(this.#file)
  }

  async datasync(): Promise<void> {
    native.datasync(this.#file)
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      native.close(this.#file)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A stream of bytes from the file's position. With `autoClose`, the file is closed at the end or when cancelled. */
  readableWebStream({ autoClose = false } = {}): ReadableStream<Uint8Array> {
    const end = async () => (autoClose ? await this.close() : undefined)
    return new ReadableStream(
      {
        type: 'bytes',
        autoAllocateChunkSize: STREAM_BYTES,
        pull: async (controller) => {
          const request = controller.byobRequest as ReadableStreamBYOBRequest
          const view = request.view as Uint8Array
          const count = native.read(this.#file, part(view), -1)
          if (count === 0) {
            await end()
            controller.close()
          }
          request.respond(count)
        },
        cancel: end,
      },
      { highWaterMark: 0 },
    )
  }

  /** A stream that writes at the file's position, and closes the file at its end. */
  writableWebStream(): WritableStream<Data> {
    return new WritableStream({
      write: async (data) => {
        const bytes = toBytes(data, undefined)
        await (bytes.length > CHUNK_BYTES ? this.writeFile(bytes) : this.#writeAll(bytes))
      },
      close: () => this.close(),
      abort: () => this.close(),
    })
  }

  #writeAll(bytes: Uint8Array): void {
    for (const _ of writeSteps(this.#file, bytes)) {
      // Small enough for one turn.
    }
  }

  /** The lines of the file, without line breaks. */
  async *readLines({ encoding = 'utf-8' as Bun.Encoding } = {}): AsyncGenerator<string, void> {
    const decoder = new TextDecoder(encoding)
    let rest = ''
    for await (const chunk of this.readableWebStream()) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
      rest = lines.pop() as string
      yield* lines
    }
    rest += decoder.decode()
    if (rest !== '') yield rest
  }
}
