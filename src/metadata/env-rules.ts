/** What a function's variables may be. */
import { normaliseHost } from '../capabilities/schema.ts'
import { FunctionError } from '../errors.ts'
import { hostKey } from '../secrets/host-key.ts'

/** Characters of a name. */
const MAX_NAME = 256
/** Bytes of a value. */
export const MAX_VALUE_BYTES = 64 * 1024
export const MAX_VARIABLES = 1000
/** Bytes of all names and values of a function. */
const MAX_TOTAL_BYTES = 2 ** 20
/** Hosts that get one secret. */
const MAX_HOSTS = 20

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/
/** What an error shows of a wrong name. */
const SHOWN = 80

/** @throws {FunctionError} BAD_REQUEST: which name, and why */
export function checkName(name: string): void {
  const shown = JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name)
  // The prototype of objects would be at risk in packages that copy the variables.
  if (name === '__proto__') throw refusal(`${shown} cannot be the name of a variable`)
  if (!IDENTIFIER.test(name)) {
    throw refusal(
      `${shown} cannot be the name of a variable: use letters, digits and underscores, and no digit in front`,
    )
  }
  if (name.length > MAX_NAME) {
    const what = `The name ${shown} has ${name.length} characters`
    throw refusal(`${what}: a name of a variable may have ${MAX_NAME}`)
  }
}

/** The error never has the value, which may be a secret. @throws {FunctionError} BAD_REQUEST */
export function checkValue(name: string, value: string): void {
  const bytes = Buffer.byteLength(value)
  if (bytes > MAX_VALUE_BYTES) {
    throw refusal(
      `The value of ${name} has ${bytes} bytes: a variable may have ${MAX_VALUE_BYTES}. Keep larger data in a file of the bundle, or fetch it`,
    )
  }
  if (value.includes('\0')) {
    throw refusal(`The value of ${name} contains a NUL character: encode binary data as base64`)
  }
  if (!value.isWellFormed()) {
    throw refusal(
      `The value of ${name} is not valid Unicode (half of a surrogate pair): encode binary data as base64`,
    )
  }
}

/** Of a secret that the egress broker puts into headers. @throws {FunctionError} BAD_REQUEST */
export function checkHeaderValue(name: string, value: string): void {
  if (/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return
  throw refusal(
    `The value of ${name} cannot stand in a header, where a secret with hosts is filled in: it must be printable ASCII, and not empty, begin or end with a space`,
  )
}

/** @throws {FunctionError} BAD_REQUEST for too many variables, or too much in all */
export function checkAll(variables: Iterable<{ name: string; bytes: number }>): void {
  let count = 0
  let total = 0
  for (const { name, bytes } of variables) {
    count++
    total += name.length + bytes
  }
  if (count > MAX_VARIABLES) {
    throw refusal(`The function would have ${count} variables: it may have ${MAX_VARIABLES}`)
  }
  if (total > MAX_TOTAL_BYTES) {
    throw refusal(
      `The variables of the function would have ${total} bytes in all: they may have ${MAX_TOTAL_BYTES}`,
    )
  }
}

/**
 * Hosts in the form in which they are compared: lower case, `host:port` unless the port is 443.
 *
 * @throws {FunctionError} BAD_REQUEST
 */
export function parseHosts(given: readonly string[]): string[] {
  if (given.length === 0 || given.length > MAX_HOSTS) {
    throw refusal(`A secret can have 1 to ${MAX_HOSTS} hosts, and ${given.length} are given`)
  }
  return [...new Set(given.map(parseHost))].sort()
}

function parseHost(text: string): string {
  const match = /^(\[[^\]]*\]|[^:/?#@\\\s]+)(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] === undefined ? undefined : normaliseHost(match[1])
  const port = match?.[2] === undefined ? 443 : Number(match[2])
  if (host === undefined || host.includes('*') || port < 1 || port > 65_535) {
    throw refusal(
      `${JSON.stringify(text.slice(0, SHOWN))} is not a host: name it as api.example.com or api.example.com:8443, without a scheme, path or wildcard`,
    )
  }
  return hostKey(host, port)
}

function refusal(why: string): FunctionError {
  return new FunctionError('BAD_REQUEST', `${why}.`)
}
