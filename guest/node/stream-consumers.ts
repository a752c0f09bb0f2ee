/** node:stream/consumers: a stream, read to its end. */
import { Buffer } from 'node:buffer'

type Source = AsyncIterable<unknown>

async function bytesOf(stream: Source): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of stream) {
    parts.push(typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array))
  }
  return Buffer.concat(parts)
}

export async function buffer(stream: Source): Promise<Buffer> {
  return (await bytesOf(stream)) as Buffer
}

export async function arrayBuffer(stream: Source): Promise<ArrayBuffer> {
  return new Uint8Array(await bytesOf(stream)).buffer as ArrayBuffer
}

export async function bytes(stream: Source): Promise<Uint8Array> {
  return new Uint8Array(await bytesOf(stream))
}

export async function blob(stream: Source): Promise<Blob> {
  return new Blob([(await bytesOf(stream)) as Uint8Array<ArrayBuffer>])
}

export async function text(stream: Source): Promise<string> {
  return new TextDecoder().decode(await bytesOf(stream))
}

export async function json(stream: Source): Promise<unknown> {
  return JSON.parse(await text(stream))
}

export default { arrayBuffer, blob, buffer, bytes, json, text }
