/**
 * Secrets that a function uses without having them. Its environment has a placeholder, which is
 * replaced here in header values of HTTPS requests to the secret's hosts. Anywhere else a placeholder
 * is of no use, and a request with one is refused, so that its author learns why.
 */
import { hostKey } from '../secrets/host-key.ts'
import { PLACEHOLDER_PREFIX } from '../secrets/secret-key.ts'
import type { SecretVariable } from '../secrets/secret-variable.ts'
import { type EgressError, refused } from './errors.ts'
import type { HeaderLines } from './request-headers.ts'
import type { Target } from './target.ts'

/** A secret was filled in, or its placeholder was refused. */
export interface CredentialUse {
  secret: string
  /** As `hostKey` writes it. */
  host: string
  outcome: 'done' | 'refused'
}

/** Checks a body part by part. It returns the refusal of a part with a placeholder. */
export type BodyCheck = (part: Uint8Array) => EgressError | undefined

interface Injected {
  name: string
  value: string
  hosts: readonly string[]
}

const PLACEHOLDER = new RegExp(`${PLACEHOLDER_PREFIX}[0-9a-f]{32}`, 'g')
const PLACEHOLDER_BYTES = PLACEHOLDER_PREFIX.length + 32
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i

export class Credentials {
  readonly #secrets: ReadonlyMap<string, Injected>

  private constructor(secrets: ReadonlyMap<string, Injected>) {
    this.#secrets = secrets
  }

  /** Undefined if none of the secrets is for the broker to fill in. */
  static of(secrets: readonly SecretVariable[]): Credentials | undefined {
    const injected = secrets.flatMap(({ name, value, injection }) =>
      injection === undefined
        ? []
        : [[injection.placeholder, { name, value, hosts: injection.hosts }] as const],
    )
    return injected.length === 0 ? undefined : new Credentials(new Map(injected))
  }

  /**
   * The headers with the secrets in place of the placeholders.
   *
   * @param report called for each secret that was filled in or refused
   * @throws {EgressError} REFUSED for a placeholder in the URL, in the name of a header, or to a host that does not get the secret
   */
  fill(target: Target, headers: HeaderLines, report: (use: CredentialUse) => void): HeaderLines {
    const host = hostKey(target.host, target.port)
    const { href } = target.url
    this.#refuseIn(href, 'the URL', host, report)
    const used = new Set<string>()
    const secretOf = (placeholder: string): string => {
      const secret = this.#secrets.get(placeholder)
      if (secret === undefined) throw unknown()
      if (!target.secure || !secret.hosts.includes(host)) {
        report({ secret: secret.name, host, outcome: 'refused' })
        throw elsewhere(secret, target.secure ? host : `${host} without TLS`)
      }
      used.add(secret.name)
      return secret.value
    }
    const filled = headers.map(([name, value]): [string, string] => {
      this.#refuseIn(name, 'the name of a header', host, report)
      return [name, replaceIn(value, secretOf)]
    })
    for (const secret of used) report({ secret, host, outcome: 'done' })
    return filled
  }

  /** Returns the check of one request's body. */
  bodyCheck(host: string, report: (use: CredentialUse) => void): BodyCheck {
    let tail: Uint8Array = new Uint8Array(0)
    return (part) => {
      const joint = Buffer.concat([tail, part.subarray(0, PLACEHOLDER_BYTES - 1)])
      try {
        for (const bytes of [joint, Buffer.from(part.buffer, part.byteOffset, part.length)]) {
          for (let at = bytes.indexOf(PLACEHOLDER_PREFIX); at >= 0; ) {
            const text = bytes.toString('latin1', at, at + PLACEHOLDER_BYTES)
            this.#refuseIn(text, 'the body', host, report)
            at = bytes.indexOf(PLACEHOLDER_PREFIX, at + 1)
          }
        }
      } catch (error) {
        return error as EgressError
      }
      tail = Buffer.concat([tail, part.subarray(-PLACEHOLDER_BYTES)]).subarray(
        1 - PLACEHOLDER_BYTES,
      )
      return undefined
    }
  }

  /** Placeholders of this function only: the text may be anything. */
  #refuseIn(text: string, what: string, host: string, report: (use: CredentialUse) => void): void {
    if (!text.includes(PLACEHOLDER_PREFIX)) return
    for (const [placeholder] of text.matchAll(PLACEHOLDER)) {
      const secret = this.#secrets.get(placeholder)
      if (secret === undefined) continue
      report({ secret: secret.name, host, outcome: 'refused' })
      throw refused(
        `The placeholder of the secret ${secret.name} stands in ${what}. It is replaced in the values of headers only.`,
      )
    }
  }
}

/** Without the headers that hold a placeholder: for a redirect to another host. */
export function withoutPlaceholders(headers: HeaderLines): HeaderLines {
  return headers.filter(([, value]) => {
    let found = false
    replaceIn(value, (placeholder) => {
      found = true
      return placeholder
    })
    return !found
  })
}

/** Also within the base64 of basic authentication, where `user:password` stands. */
function replaceIn(value: string, secretOf: (placeholder: string) => string): string {
  const basic = BASIC.exec(value)?.[1]
  const text = basic === undefined ? value : Buffer.from(basic, 'base64').toString('latin1')
  if (!text.includes(PLACEHOLDER_PREFIX)) return value
  const filled = text.replace(PLACEHOLDER, secretOf)
  if (basic === undefined || filled === text) return filled
  return `Basic ${Buffer.from(filled, 'latin1').toString('base64')}`
}

function elsewhere({ name, hosts }: Injected, where: string): EgressError {
  return refused(
    `The secret ${name} is for HTTPS requests to ${hosts.join(', ')}, and this one goes to ${where}. Name further hosts with 'functions secret set --for'.`,
  )
}

function unknown(): EgressError {
  return refused(
    'A header has the placeholder of a secret that this version of the function does not have. Read it from env for each request.',
  )
}
