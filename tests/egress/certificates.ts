/** Certificates for TLS servers of a test: of an authority that was made for it, or of nobody. */
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 60 * 60 * 1000

/** PEM texts, as node:tls takes them. */
export interface Credentials {
  cert: string
  key: string
}

export interface Issued {
  /** DNS names and addresses that it is for. */
  names: string[]
  /** Days from now until it ends; below 0 it has ended. */
  days?: number
}

export class Authority {
  /** Its own certificate, PEM. */
  readonly cert: string
  readonly #keys: CryptoKeyPair
  readonly #name: string

  private constructor(cert: string, keys: CryptoKeyPair, name: string) {
    this.cert = cert
    this.#keys = keys
    this.#name = name
  }

  static async make(): Promise<Authority> {
    const keys = await newKeys()
    const name = 'CN=Test Authority'
    const cert = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity(1),
      name,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    })
    return new Authority(cert.toString('pem'), keys, name)
  }

  async issue({ names, days = 1 }: Issued): Promise<Credentials> {
    const keys = await newKeys()
    const cert = await x509.X509CertificateGenerator.create({
      ...validity(days),
      subject: 'CN=Test Server',
      issuer: this.#name,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [alternativeNames(names)],
    })
    return { cert: cert.toString('pem'), key: await pemOf(keys.privateKey) }
  }
}

export async function selfSigned(names: string[]): Promise<Credentials> {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(1),
    name: 'CN=Test Server',
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [alternativeNames(names)],
  })
  return { cert: cert.toString('pem'), key: await pemOf(keys.privateKey) }
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function validity(days: number) {
  const now = Date.now()
  return { notBefore: new Date(now - 30 * DAY_MS), notAfter: new Date(now + days * DAY_MS) }
}

function alternativeNames(names: string[]) {
  return new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value }) as const),
  )
}

async function pemOf(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}
