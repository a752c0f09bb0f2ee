/** The members of Node's modules in the real worker: those that are there, and those that are not. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { NODE_MEMBERS } from '../../src/bundles/node-members.ts'
import { exportsOfModules } from './node-exports.ts'
import { bundleOf, startZygote, type TestZygote } from './node-harness.ts'

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
  const has = Object.entries(NODE_MEMBERS).map(([name, members]) => [name, members.has])
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
        for (const call of [() => path.matchesGlob('a', 'b'), () => fs.getCallSites(), () => new url.domainToUnicode('a'),
          () => createHook({}), () => new crypto.X509Certificate('x'), () => crypto.default.argon2Sync('a', {}),
          () => events.partialDeepStrictEqual({}), () => new (class extends crypto.DiffieHellman {})()]) {
          try { call(); said.push(null) } catch (e) { said.push([e.code, e.message, e instanceof Error]) }
        }
        return Response.json(said)
      }`
    const names = [
      'path.matchesGlob',
      'util.getCallSites',
      'url.domainToUnicode',
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
