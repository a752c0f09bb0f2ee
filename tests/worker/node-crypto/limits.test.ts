/** Endless work of node:crypto ends with its invocation, by CPU, time or memory; hostile arguments harm nobody. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { SANITIZED } from '../harness.ts'
import { bundleOf, startZygote, type TestZygote } from '../node-harness.ts'
import type { TestWorker } from '../test-worker.ts'

// A machine with other tests on it needs long; no test depends on the time.
setDefaultTimeout(120_000)
const limits = { load_ms: 60_000 }
const LONG = { cpuMs: 100_000, deadlineMs: 100_000 }

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

const ENDLESS: Record<string, string> = {
  'PBKDF2 with MD5': `c.pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'md5')`,
  'PBKDF2 with SHA-512, and a callback': `c.pbkdf2('a', 'b', 2 ** 31 - 1, 64, 'sha512', () => {})`,
  'scrypt, again and again': `for (;;) c.scryptSync('a', 'b', 64, { N: 2 ** 13 })`,
  'scrypt with many blocks': `c.scryptSync('a', 'b', 64, { N: 2 ** 12, r: 1, p: 2 ** 17, maxmem: 2 ** 31 })`,
  'a key with many iterations': `c.createPrivateKey({ key: sealed, format: 'der', type: 'pkcs8', passphrase: 'x' })`,
  'RSA keys': `for (;;) c.generateKeyPairSync('rsa', { modulusLength: 4096 })`,
  ciphers: `const x = c.createCipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12)); for (;;) x.update(Buffer.alloc(4 << 20))`,
  signatures: `const k = c.generateKeyPairSync('ec', { namedCurve: 'P-521' }); for (;;) c.sign('sha256', Buffer.alloc(3), k.privateKey)`,
  'a catch around it': `for (;;) try { c.pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha256') } catch {}`,
}

const GREEDY: Record<string, string> = {
  'scrypt of a gigabyte': `c.scryptSync('a', 'b', 64, { N: 2 ** 20, maxmem: 2 ** 31 })`,
  'PBKDF2 of a gigabyte': `c.pbkdf2Sync('a', 'b', 1, 2 ** 30, 'sha1')`,
  'random bytes': `c.randomBytes(2 ** 31 - 1)`,
  'many ciphers': `const all = []; for (;;) all.push(c.createCipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12)))`,
  'many secrets': `const all = []; for (;;) all.push(c.createSecretKey(Buffer.alloc(4096)))`,
}

/** An EncryptedPrivateKeyInfo whose PBKDF2 wants over four billion iterations of SHA-512. */
const SEALED = `
  const der = (tag, ...parts) => { const all = Buffer.concat(parts); return Buffer.concat([Buffer.from([tag, all.length]), all]) }
  const oid = (hex) => der(6, Buffer.from(hex, 'hex'))
  const kdf = der(0x30, oid('2a864886f70d01050c'), der(0x30, der(4, Buffer.alloc(8)), der(2, Buffer.from('00ffffffff', 'hex')),
    der(0x30, oid('2a864886f70d020b'), der(5))))
  const scheme = der(0x30, oid('60864801650304012a'), der(4, Buffer.alloc(16)))
  const sealed = der(0x30, der(0x30, oid('2a864886f70d01050d'), der(0x30, kdf, scheme)), der(4, Buffer.alloc(16)))`

async function workerOf(cases: Record<string, string>): Promise<TestWorker> {
  const table = Object.entries(cases).map(
    ([name, code]) => `${JSON.stringify(name)}: () => { ${code} }`,
  )
  return await zygote.worker({
    limits,
    capabilities: { maxMemory: 32 << 20 },
    bundle: await bundleOf(`import c from 'node:crypto'
      ${SEALED}
      const cases = {${table.join(',')}, ok: () => undefined}
      export default async (request) => {
        await cases[decodeURIComponent(new URL(request.url).pathname.slice(1))]()
        return Response.json(c.createHash('sha256').update('a').digest().length)
      }`),
  })
}

const at = (name: string) => ({ url: `http://localhost/${encodeURIComponent(name)}` })

describe('CPU', () => {
  test.each(Object.keys(ENDLESS))(
    '%s',
    async (name) => {
      const worker = await workerOf(ENDLESS)
      const { error } = await worker.invoke({ ...at(name), cpuMs: 60, deadlineMs: 60_000 })
      expect(error?.code).toBe('CPU_LIMIT')
      expect(await worker.json('/ok')).toBe(32)
      worker.close()
    },
    60_000,
  )
})

describe('time', () => {
  test.each(Object.keys(ENDLESS))(
    '%s',
    async (name) => {
      const worker = await workerOf(ENDLESS)
      const { error } = await worker.invoke({ ...at(name), deadlineMs: 60, cpuMs: 60_000 })
      expect(error?.code).toBe('TIMEOUT')
      expect(await worker.json('/ok')).toBe(32)
      worker.close()
    },
    60_000,
  )
})

// A sanitized program has no limit on its address space.
describe.skipIf(SANITIZED)('memory', () => {
  test.each(Object.keys(GREEDY))(
    '%s',
    async (name) => {
      const worker = await workerOf(GREEDY)
      const { error } = await worker.invoke({ ...at(name), ...LONG })
      expect(error?.code).toBe('MEMORY_LIMIT')
      worker.close()
    },
    60_000,
  )
})

describe('hostile arguments', () => {
  async function answer(source: string): Promise<unknown> {
    const worker = await zygote.worker({ bundle: await bundleOf(source), limits })
    try {
      return await worker.json('/', LONG)
    } finally {
      worker.close()
    }
  }
  const attempt = `const attempt = (run) => { try { const value = run(); return typeof value === 'object' ? 'object' : value } catch (error) { return error.code ?? error.name } }`

  test('getters that throw, change their answer or shrink a buffer', async () => {
    const source = `import c from 'node:crypto'
      ${attempt}
      const pem = c.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
      const shrinking = () => {
        const buffer = new ArrayBuffer(32, { maxByteLength: 64 })
        const view = new Uint8Array(buffer)
        return { view, shrink: () => buffer.resize(0), detach: () => buffer.transfer() }
      }
      export default () => {
        const log = []
        let reads = 0
        const twice = { key: pem, format: 'pem', get passphrase() { reads += 1; return reads > 1 ? {} : undefined } }
        log.push(attempt(() => c.createPrivateKey(twice)), reads)
        log.push(attempt(() => c.createPrivateKey({ get key() { throw new RangeError('no') } })))
        const one = shrinking()
        log.push(attempt(() => c.createPrivateKey({ key: one.view, format: 'der', get type() { one.shrink(); return 'pkcs8' } })))
        const two = shrinking()
        log.push(attempt(() => c.createHmac('sha256', two.view, { get encoding() { two.detach(); return 'hex' } })))
        const three = shrinking()
        log.push(attempt(() => c.createCipheriv('aes-256-cbc', three.view, Buffer.alloc(16), { get encoding() { three.detach() } })))
        const four = shrinking()
        log.push(attempt(() => c.scryptSync(four.view, 'salt', 8, { get N() { four.shrink(); return 4 } }).length))
        const five = shrinking()
        log.push(attempt(() => c.publicEncrypt({ key: pem, get oaepLabel() { five.shrink(); return five.view } }, five.view)))
        log.push(attempt(() => c.randomFillSync(new Proxy(new Uint8Array(2), {}))))
        log.push(attempt(() => c.createPublicKey(new Proxy({}, { get() { throw new EvalError('trap') } }))))
        return Response.json(log)
      }`
    expect(await answer(source)).toEqual([
      ...['object', 1, 'RangeError', 'ERR_OSSL_UNSUPPORTED', 'TypeError', 'TypeError', 8],
      'ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE',
      ...['ERR_INVALID_ARG_TYPE', 'EvalError'],
    ])
  })

  test('keys that are cut off, changed or nested without end', async () => {
    const source = `import c from 'node:crypto'
      const keys = ['rsa', 'ec', 'ed25519'].map((type) => c.generateKeyPairSync(type, { modulusLength: 1024, namedCurve: 'P-256' }))
      const ders = keys.flatMap(({ publicKey, privateKey }) => [
        [publicKey.export({ type: 'spki', format: 'der' }), 'spki'],
        [privateKey.export({ type: 'pkcs8', format: 'der' }), 'pkcs8'],
        [privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-128-cbc', passphrase: 'p' }), 'pkcs8']])
      const codes = new Set()
      const parse = (key, type) => {
        try { c.createPublicKey({ key, type, format: 'der', passphrase: 'p' }) } catch (error) {
          codes.add(error instanceof Error && typeof error.code === 'string' ? 'coded' : error.name + error.message)
        }
      }
      export default () => {
        for (const [der, type] of ders) {
          for (let at = 0; at < der.length; at += 7) {
            parse(der.subarray(0, at), type)
            const changed = Buffer.from(der)
            changed[at] ^= 0x81
            // The number of iterations may become huge: that is another test.
            if (!(type === 'pkcs8' && at > 30 && at < 80)) parse(changed, type)
          }
        }
        parse(Buffer.concat(Array.from({ length: 20000 }, () => Buffer.from([0x30, 0x84, 0, 0, 0x40, 0]))), 'spki')
        parse(Buffer.from('3084ffffffff', 'hex'), 'pkcs8')
        parse(Buffer.from('3080', 'hex'), 'spki')
        for (const text of ['-----BEGIN ', '-----BEGIN PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----\\n-----END PRIVATE KEY-----',
          '-----BEGIN PRIVATE KEY-----\\n!!!!\\n-----END PRIVATE KEY-----', '-----BEGIN '.repeat(50000),
          '-----BEGIN RSA PRIVATE KEY-----\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: AES-128-CBC,00\\n\\nAAAA\\n-----END RSA PRIVATE KEY-----']) {
          try { c.createPrivateKey({ key: text, passphrase: 'p' }) } catch ({ code }) { codes.add(typeof code === 'string' ? 'coded' : text) }
        }
        return Response.json([...codes])
      }`
    expect(await answer(source)).toEqual(['coded'])
  })

  test('native functions called with anything throw errors only', async () => {
    const bundle = `import * as native from 'fn:node-crypto'
      const rsa = native.rsaGenerate(1024, 3)
      const gcm = native.cipherNew('gcm', new Uint8Array(16), new Uint8Array(12), false)
      const detached = new Uint8Array(8); detached.buffer.transfer()
      const values = [undefined, null, 7, -1, 2 ** 32, NaN, 'sha256', 'P-256', rsa, gcm, new Uint8Array(3), detached,
        new DataView(new ArrayBuffer(16)), {}, [], { toString() { throw new Error('no') } }, Symbol('x'), 10n]
      export default () => {
        const odd = []
        let calls = 0
        for (const [name, run] of Object.entries(native)) {
          if (/Generate|pbkdf2|randomBytes|^wipe/.test(name)) continue
          for (const a of values) for (const b of values) for (const c of values.slice(0, 8)) {
            calls += 1
            try { run(a, b, c, values[(calls * 7) % 18], values[(calls * 5) % 18], values[(calls * 11) % 18]) } catch (error) {
              if (!(error instanceof Error) && !(error instanceof DOMException)) odd.push(name)
            }
          }
        }
        return Response.json([odd, calls > 1000])
      }`
    const worker = await zygote.worker({ bundle, limits: { ...limits, load_cpu_ms: 60_000 } })
    const { text } = await worker.invoke({ url: 'http://localhost/', ...LONG })
    expect(JSON.parse(text)).toEqual([[], true])
    worker.close()
  })
})
