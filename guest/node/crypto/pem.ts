/** PEM: https://www.rfc-editor.org/rfc/rfc7468, with the older headers of encrypted keys. */

export interface Pem {
  /** As in `RSA PRIVATE KEY`. */
  label: string
  /** The value of DEK-Info, if the content is encrypted. */
  encryption: string | undefined
  bytes: Uint8Array
}

const BEGIN = '-----BEGIN '
const MAX_TEXT = 1 << 20 // characters; no key is as long

/** The first block of the text that `wanted` accepts; undefined if there is none or it is broken. */
export function parsePem(text: string, wanted: (label: string) => boolean): Pem | undefined {
  if (text.length > MAX_TEXT) return undefined
  let at = text.indexOf(BEGIN)
  while (at >= 0) {
    const from = at + BEGIN.length
    const dashes = text.indexOf('-----', from)
    const label = text.slice(from, dashes)
    if (dashes < 0) return undefined
    if (wanted(label)) {
      const end = text.indexOf(`-----END ${label}-----`, dashes)
      return end < 0 ? undefined : parseBody(label, text.slice(dashes + 5, end))
    }
    at = text.indexOf(BEGIN, dashes)
  }
  return undefined
}

function parseBody(label: string, body: string): Pem | undefined {
  const lines = body.split(/\r?\n/).map((line) => line.trim())
  let encryption: string | undefined
  let first = 0
  while (first < lines.length && (lines[first] === '' || lines[first]?.includes(':'))) {
    const header = /^DEK-Info: *(.+)$/i.exec(lines[first] as string)
    encryption = header?.[1] ?? encryption
    first += 1
  }
  try {
    return { label, encryption, bytes: Uint8Array.fromBase64(lines.slice(first).join('')) }
  } catch {
    return undefined
  }
}

export function toPem(label: string, bytes: Uint8Array, headers: string[] = []): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? []
  const head = headers.length === 0 ? [] : [...headers, '']
  return `${[`-----BEGIN ${label}-----`, ...head, ...lines, `-----END ${label}-----`].join('\n')}\n`
}
