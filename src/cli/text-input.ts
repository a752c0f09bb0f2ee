/** Reads a text that a command gets from a file or from standard input. */
import { FunctionError } from '../errors.ts'

/**
 * @param file `-` is standard input
 * @throws {FunctionError} BAD_REQUEST if it cannot be read, is too long, or is not UTF-8
 */
export async function readText(file: string, maxBytes: number): Promise<string> {
  const [what, source] = file === '-' ? ['Standard input', Bun.stdin] : [file, Bun.file(file)]
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of source.stream()) {
      bytes += part.length
      parts.push(part)
      if (bytes > maxBytes) break
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw refusal(`${what} cannot be read (${code ?? message})`, cause)
  }
  if (bytes > maxBytes) throw refusal(`${what} has more than ${maxBytes} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts))
  } catch (cause) {
    throw refusal(`${what} is not UTF-8 text: encode binary data as base64`, cause)
  }
}

function refusal(why: string, cause?: unknown): FunctionError {
  return new FunctionError('BAD_REQUEST', `${why}.`, { cause })
}
