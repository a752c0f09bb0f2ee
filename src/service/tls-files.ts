/** The certificate and the key of the management listener: `admin.tls_cert` and `admin.tls_key`. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import type { Config } from '../config/schema.ts'
import { FunctionError } from '../errors.ts'
import { readSmallFile } from '../lib/small-file.ts'

export interface TlsFiles {
  /** PEM: the certificate, then those that lead to its authority. */
  cert: string
  key: string
  /** ISO 8601: the certificate is not valid any more from then on. */
  expiresAt: string
}

/** Bits of a mode that let users read who are neither the owner nor in the file's group. */
const OTHERS = 0o007

/**
 * Reads and checks both files; undefined if none is set.
 *
 * @throws {FunctionError} CONFIG_INVALID
 */
export function readTlsFiles({ admin }: Config): TlsFiles | undefined {
  const { tlsCert, tlsKey } = admin
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    throw invalid('admin.tls_cert and admin.tls_key need each other: set both, or none.')
  const cert = read('admin.tls_cert', tlsCert)
  refuseReadable(tlsKey)
  const key = read('admin.tls_key', tlsKey)
  const certificate = parseCertificate(tlsCert, cert)
  if (!certificate.checkPrivateKey(parseKey(tlsKey, key)))
    throw invalid(
      `The key in ${tlsKey} is not the one of the certificate in ${tlsCert}: set admin.tls_cert and admin.tls_key to files that belong together.`,
    )
  return { cert, key, expiresAt: new Date(certificate.validTo).toISOString() }
}

function refuseReadable(path: string): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  if ((mode & OTHERS) !== 0)
    throw invalid(
      `Every user of this machine can use the key ${path} (admin.tls_key): run 'chmod 600 ${path}'.`,
    )
}

function read(key: string, path: string): string {
  // Reading a pipe would block the service.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
    throw invalid(`${key}: ${path} is not a regular file.`)
  try {
    return readSmallFile(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw invalid(`${key}: ${path} cannot be read (${code ?? message}).`, cause)
  }
}

function parseCertificate(path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (cause) {
    throw invalid(`admin.tls_cert: ${path} is not a certificate in PEM format.`, cause)
  }
}

function parseKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (cause) {
    const message = `admin.tls_key: ${path} is not a private key in PEM format without a passphrase.`
    throw invalid(message, cause)
  }
}

function invalid(message: string, cause?: unknown): FunctionError {
  return new FunctionError('CONFIG_INVALID', message, { cause })
}
