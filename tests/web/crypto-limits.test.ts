/** Endless work ends with its invocation, by CPU, time or memory, and the worker continues. */
import { describe, expect, test } from 'bun:test'
import { SANITIZED } from '../worker/harness.ts'
import { useTemplate } from './harness.ts'

const template = useTemplate()

const pbkdf2 = (hash: string) => `async () => {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits'])
  const algorithm = { name: 'PBKDF2', hash: '${hash}', salt: new Uint8Array(8), iterations: 1e9 }
  for (;;) await crypto.subtle.deriveBits(algorithm, key, 256).catch(() => undefined)
}`

const generate = (name: string, bits: number) => `async () => {
  const publicExponent = new Uint8Array([1, 0, 1])
  const algorithm = { name: '${name}', hash: 'SHA-256', modulusLength: ${bits}, publicExponent }
  for (;;) await crypto.subtle.generateKey(algorithm, true, ['sign']).catch(() => undefined)
}`

const ENDLESS: Record<string, string> = {
  'PBKDF2 with SHA-1': pbkdf2('SHA-1'),
  'PBKDF2 with SHA-256': pbkdf2('SHA-256'),
  'PBKDF2 with SHA-512': pbkdf2('SHA-512'),
  'RSA keys of 2048 bits': generate('RSA-PSS', 2048),
  'RSA keys of 8192 bits': generate('RSASSA-PKCS1-v1_5', 8192),
  hashes: `async () => {
    const data = new Uint8Array(1 << 20)
    for (;;) await crypto.subtle.digest('SHA-1', data)
  }`,
  ciphers: `async () => {
    const algorithm = { name: 'AES-GCM', iv: new Uint8Array(12) }
    const key = await crypto.subtle.generateKey({ ...algorithm, length: 256 }, true, ['encrypt'])
    for (;;) await crypto.subtle.encrypt(algorithm, key, new Uint8Array(4 << 20))
  }`,
  signatures: `async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' }
    const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ['sign'])
    for (;;) await crypto.subtle.sign(algorithm, privateKey, new Uint8Array(4))
  }`,
}

const GREEDY: Record<string, string> = {
  'PBKDF2 of half a gigabyte': `async () => {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits'])
    const algorithm = { name: 'PBKDF2', hash: 'SHA-1', salt: new Uint8Array(8), iterations: 1 }
    return crypto.subtle.deriveBits(algorithm, key, 2 ** 32 - 8)
  }`,
  'a hundred copies': `async () => {
    const key = await crypto.subtle.generateKey({ name: 'AES-CTR', length: 128 }, true, ['encrypt'])
    const algorithm = { name: 'AES-CTR', counter: new Uint8Array(16), length: 64 }
    const list = []
    for (let i = 0; i < 100; i++) list.push(await crypto.subtle.encrypt(algorithm, key, new Uint8Array(1 << 20)))
    return list.length
  }`,
  'a million keys': `async () => {
    const list = []
    for (;;) list.push(await crypto.subtle.importKey('raw', new Uint8Array(64), 'HKDF', false, ['deriveBits']))
  }`,
}

async function workerOf(cases: Record<string, string>) {
  const table = Object.entries(cases).map(([name, code]) => `${JSON.stringify(name)}: ${code}`)
  return await template().worker({
    capabilities: { maxMemory: 32 << 20 },
    bundle: `
      const cases = {${table.join(',')}, ok: () => undefined}
      export default async (request) => {
        await cases[decodeURIComponent(new URL(request.url).pathname.slice(1))]()
        const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(1))
        return Response.json(digest.byteLength)
      }`,
  })
}

const at = (name: string) => ({ url: `http://localhost/${encodeURIComponent(name)}` })

describe('CPU', () => {
  test.each(Object.keys(ENDLESS))('%s', async (name) => {
    const worker = await workerOf(ENDLESS)
    const { error } = await worker.invoke({ ...at(name), cpuMs: 60, deadlineMs: 60_000 })
    expect(error?.code).toBe('CPU_LIMIT')
    expect(await worker.json('/ok')).toBe(32)
    worker.close()
  })
})

describe('time', () => {
  test.each(Object.keys(ENDLESS))('%s', async (name) => {
    const worker = await workerOf(ENDLESS)
    const { error } = await worker.invoke({ ...at(name), deadlineMs: 60, cpuMs: 60_000 })
    expect(error?.code).toBe('TIMEOUT')
    expect(await worker.json('/ok')).toBe(32)
    worker.close()
  })
})

// A sanitized program has no limit on its address space.
describe.skipIf(SANITIZED)('memory', () => {
  test.each(Object.keys(GREEDY))('%s', async (name) => {
    const worker = await workerOf(GREEDY)
    const { error } = await worker.invoke(at(name))
    expect(error?.code).toBe('MEMORY_LIMIT')
    worker.close()
  })
})
