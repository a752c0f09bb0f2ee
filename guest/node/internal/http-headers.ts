/** The headers of an outgoing message: names keep their case, values are checked as Node checks them. */

import { invalidArgType, nodeTypeError } from './errors.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** A line break would begin another header. */
const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/

export type HeaderValue = string | number | readonly string[]

export function isToken(text: unknown): text is string {
  return typeof text === 'string' && TOKEN.test(text)
}

export function validateHeaderName(name: unknown, label = 'Header name'): asserts name is string {
  if (!isToken(name)) {
    const message = `${label} must be a valid HTTP token ["${String(name)}"]`
    throw nodeTypeError('ERR_INVALID_HTTP_TOKEN', message)
  }
}

export function validateHeaderValue(name: string, value: unknown): void {
  if (value === undefined) {
    const message = `Invalid value "undefined" for header "${name}"`
    throw nodeTypeError('ERR_HTTP_INVALID_HEADER_VALUE', message)
  }
  if (INVALID_VALUE.test(String(value))) {
    const message = `Invalid character in header content ["${name}"]`
    throw nodeTypeError('ERR_INVALID_CHAR', message)
  }
}

/** Converts a value once, so that what is sent is what was checked. */
function checked(name: string, value: unknown): string | number | string[] {
  if (Array.isArray(value)) {
    return Array.from(value, (each) => {
      const text = typeof each === 'string' ? each : each === undefined ? each : String(each)
      validateHeaderValue(name, text)
      return text as string
    })
  }
  const plain = typeof value === 'object' && value !== null ? String(value) : value
  validateHeaderValue(name, plain)
  return plain as string | number
}

export class OutgoingHeaders {
  readonly #entries = new Map<string, [name: string, value: string | number | string[]]>()

  set(name: unknown, value: unknown): void {
    validateHeaderName(name)
    this.#entries.set(name.toLowerCase(), [name, checked(name, value)])
  }

  append(name: unknown, value: unknown): void {
    validateHeaderName(name)
    const entry = this.#entries.get(name.toLowerCase())
    if (entry === undefined) {
      this.set(name, value)
      return
    }
    const [, before] = entry
    entry[1] = [before, checked(name, value)].flat().map(String)
  }

  get(name: unknown): string | number | string[] | undefined {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    return this.#entries.get(name.toLowerCase())?.[1]
  }

  has(name: unknown): boolean {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    return this.#entries.has(name.toLowerCase())
  }

  remove(name: unknown): void {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
    this.#entries.delete(name.toLowerCase())
  }

  names(): string[] {
    return [...this.#entries.keys()]
  }

  rawNames(): string[] {
    return Array.from(this.#entries.values(), ([name]) => name)
  }

  toObject(): Record<string, string | number | string[]> {
    const all = Object.create(null) as Record<string, string | number | string[]>
    for (const [key, [, value]] of this.#entries) all[key] = value
    return all
  }

  /** As pairs; a list of cookies is one header. */
  lines(): [string, string][] {
    const lines: [string, string][] = []
    for (const [key, [name, value]] of this.#entries) {
      if (!Array.isArray(value)) lines.push([name, String(value)])
      else if (key === 'cookie') lines.push([name, value.join('; ')])
      else for (const each of value) lines.push([name, each])
    }
    return lines
  }
}
