/** The members of Node's modules in the real worker: those that are there, and those that are not. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { NODE_MEMBERS } from '../../src/bundles/node-members.ts'
import { NODE_MODULES } from '../../src/bundles/node-modules.ts'
import { exportsOfModules } from './node-exports.ts'
import { bundleOf, startZygote, type TestZygote, writePackage } from './node-harness.ts'

let zygote: TestZygote

beforeAll(async () => {
  zygote = await startZygote()
})

afterAll(() => zygote.close())

async function answer(source: string): Promise<unknown> {
  const worker = await zygote.worker({ bundle: await bundleOf(source) })
  try {
    return await worker.json()
  } finally {
    worker.close()
  }
}

test('the list names what each module exports (bun scripts/node-members.ts writes it)', async () => {
  const available = Object.entries(NODE_MEMBERS).filter(([name]) => NODE_MODULES[name])
  const has = available.map(([name, members]) => [name, members.has])
  expect(await exportsOfModules()).toEqual(Object.fromEntries(has))
})

describe('a member that a module lacks', () => {
  test('throws what it is when it is called, however it was reached', async () => {
    const source = `import path from 'node:path'
      import * as fs from 'node:util'
      const url = require('url')
      const { createHook } = require('async_hooks')
      export default async () => {
        const crypto = await import('crypto')
        const { default: events } = await import('assert')
        const said = []
        for (const call of [() => path.matchesGlob('a', 'b'), () => fs.getCallSites(), () => new url.URLPattern('a'),
          () => createHook({}), () => new crypto.X509Certificate('x'), () => crypto.default.argon2Sync('a', {}),
          () => events.partialDeepStrictEqual({}), () => new (class extends crypto.DiffieHellman {})()]) {
          try { call(); said.push(null) } catch (e) { said.push([e.code, e.message, e instanceof Error]) }
        }
        return Response.json(said)
      }`
    const names = [
      'path.matchesGlob',
      'util.getCallSites',
      'url.URLPattern',
      'async_hooks.createHook',
      'crypto.X509Certificate',
      'crypto.argon2Sync',
      'assert.partialDeepStrictEqual',
      'crypto.DiffieHellman',
    ]
    expect(await answer(source)).toEqual(
      names.map((name) => [
        'ERR_METHOD_NOT_IMPLEMENTED',
        `${name} is not available in quickjs-ng functions`,
        true,
      ]),
    )
  })

  test('is not there for code that looks whether it is', async () => {
    const source = `import crypto from 'node:crypto'
      import * as all from 'node:crypto'
      const path = require('path')
      export default () => Response.json([
        typeof crypto.X509Certificate, typeof all.X509Certificate, typeof path.matchesGlob,
        crypto.X509Certificate ? 1 : 0, crypto.X509Certificate == null, !path.matchesGlob, path.matchesGlob || 'other',
        'matchesGlob' in path, Object.hasOwn(path, 'matchesGlob'), Object.keys(path).includes('matchesGlob'),
        'matchesGlob' in { ...path }, typeof crypto.createHash, 'join' in path])`
    expect(await answer(source)).toEqual([
      ...['undefined', 'undefined', 'undefined', 0, true, true, 'other'],
      ...[false, false, false, false, 'function', true],
    ])
  })

  test('may be promisified and extended while a package is loaded', async () => {
    const source = `import { promisify } from 'node:util'
      const crypto = require('crypto')
      const checkPrime = promisify(crypto.checkPrime)
      class Mine extends crypto.X509Certificate {}
      export default async () => {
        const first = await checkPrime(7).catch((e) => e.message)
        return Response.json([first, typeof Mine, {} instanceof Mine])
      }`
    expect(await answer(source)).toEqual([
      'crypto.checkPrime is not available in quickjs-ng functions',
      'function',
      false,
    ])
  })
})

describe('a module that a function cannot have', () => {
  test('is there for packages, with members that throw and name it', async () => {
    writePackage(
      'old',
      `const tls = require('tls'), fs = require('node:fs'), { promisify } = require('util')
      const { HTTP2_HEADER_STATUS } = require('http2').constants
      const { isMainThread, Worker } = require('worker_threads')
      class Secure extends tls.TLSSocket {}
      const read = promisify(fs.readFile)
      module.exports = { isMainThread, HTTP2_HEADER_STATUS, typeOf: typeof fs.existsSync, F_OK: fs.F_OK, read,
        calls: [() => tls.connect(1), () => new Secure(), () => new Worker('a'), () => fs.readFileSync('a'), () => fs.cpSync('a'), () => fs.promises.readFile('a')],
        tests: [typeof tls.connect, 'connect' in tls, fs.existsSync ? 1 : 0, {} instanceof tls.TLSSocket] }`,
    )
    writePackage(
      'new',
      `import { spawn } from 'node:child_process'
      import * as dgram from 'dgram'
      import { readFile } from 'fs/promises'
      import fs, { constants, promises } from 'fs'
      export const types = [typeof promises, typeof constants.O_RDONLY, fs.promises === promises]
      export const calls = [() => spawn('ls'), () => dgram.createSocket('udp4'), () => readFile('a'), () => promises.writeFile('a')]`,
      'module',
    )
    const source = `import old from 'old'
      import { calls, types } from 'new'
      export default async () => {
        const said = []
        for (const call of [...old.calls, ...calls, () => old.read('a')]) {
          try { await call(); said.push(null) } catch (e) { said.push([e.code, e.message]) }
        }
        return Response.json([said, old.isMainThread, typeof old.HTTP2_HEADER_STATUS, old.F_OK, old.typeOf, ...old.tests, ...types])
      }`
    const missing = (name: string) => [
      'ERR_METHOD_NOT_IMPLEMENTED',
      `${name} is not available in quickjs-ng functions`,
    ]
    const denied = (name: string, needs = 'allowFilesystem') => [
      'ERR_ACCESS_DENIED',
      `${name} needs a profile with ${needs}, which this one does not give`,
    ]
    expect(await answer(source)).toEqual([
      [
        ...['tls.connect', 'tls.TLSSocket', 'worker_threads.Worker'].map(missing),
        ...['fs.readFileSync', 'fs.cpSync', 'fs/promises.readFile'].map((name) => denied(name)),
        denied('child_process.spawn', 'allowChildProcess'),
        missing('dgram.createSocket'),
        ...['fs/promises.readFile', 'fs/promises.writeFile', 'fs.readFile'].map((name) =>
          denied(name),
        ),
      ],
      ...[true, 'string', 0, 'undefined'],
      ...['undefined', false, 0, false],
      ...['object', 'undefined', true],
    ])
  })

  test('is the real one where the profile allows it', async () => {
    writePackage('files', "module.exports = require('fs').existsSync('/')")
    const capabilities = { allowFilesystem: true }
    const source = "import there from 'files'\nexport default () => Response.json(there)"
    const worker = await zygote.worker({
      bundle: await bundleOf(source, capabilities),
      capabilities,
    })
    try {
      expect(typeof (await worker.json())).toBe('boolean')
    } finally {
      worker.close()
    }
  })
})

test('functions that Node has and a worker cannot have are no members', async () => {
  const source = `import http from 'http'
    import { promises } from 'dns'
    export default () => {
      const said = []
      for (const call of [() => http.createServer(), () => require('https').Server(), () => require('zlib').brotliCompressSync('a'), () => require('dns').resolveMx('a'),
        () => promises.reverse('a'), () => require('os').setPriority(1), () => require('perf_hooks').monitorEventLoopDelay(), () => process.kill(1)]) {
        try { call(); said.push(null) } catch (e) { said.push(e.message.split(' ')[0]) }
      }
      return Response.json([said, typeof http.createServer, 'brotliCompress' in require('zlib'), typeof process.memoryUsage, process.getuid === undefined])
    }`
  expect(await answer(source)).toEqual([
    [
      ...['http.createServer', 'https.Server', 'zlib.brotliCompressSync', 'dns.resolveMx'],
      ...['dns/promises.reverse', 'os.setPriority', 'perf_hooks.monitorEventLoopDelay'],
      'process.kill',
    ],
    ...['undefined', false, 'undefined', true],
  ])
})
