/** node:dns in a quickjs-ng worker: the broker resolves, by the rules of a fetch. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Capabilities } from '../../src/capabilities/schema.ts'
import { call, type Started } from '../conformance/harness.ts'
import { bundleOf as nodeBundle } from '../worker/node-harness.ts'
import { DnsServer } from './dns-server.ts'
import { begin, fetchOnce, makeEgress, makeSession } from './harness.ts'
import { bundleOf, useLauncher } from './worker.ts'

setDefaultTimeout(120_000)

const dns = await DnsServer.start()
const egress = () => makeEgress({ resolver: dns.address, maxSubrequests: 20 })
const launcher = useLauncher(egress)

const CASES: Record<string, string> = {
  found: `async () => {
    const called = await new Promise((resolve) => dns.lookup('two.example', (e, address, family) => resolve([e, address, family])))
    const all = await new Promise((resolve) => dns.lookup('two.example', { all: true }, (e, list) => resolve(list)))
    return { called, all, six: await promises.lookup('two.example', { family: 6 }), promised: await promisify(dns.lookup)('two.example', 4),
      four: await promises.resolve4('two.example'), aaaa: await promises.resolve('two.example', 'AAAA'),
      ttl: await new Promise((resolve) => dns.resolve4('two.example', { ttl: true }, (e, list) => resolve(list))),
      own: await new promises.Resolver().resolve4('TWO.example') }
  }`,
  literal: `async () => [await promises.lookup('127.0.0.1'), await promises.lookup('::1'), await promises.lookup('', { all: true }),
    await new Promise((resolve) => dns.lookup('10.0.0.1', (e, address, family) => resolve([e, address, family])))]`,
  failures: `async () => {
    const errors = []
    for (const name of ['nothing.example', 'busy.example', 'none.example', 'private.example', 'mixed.example', 'localhost', 'metadata.google.internal', 'not allowed.example',
      'two.example/x', 'two.example:53', 'me@two.example', '[::1]', 'x'.repeat(300)])
      errors.push(await promises.lookup(name).then(() => 'found', (e) => [e.code, e.syscall, e.hostname === name]))
    const { message, errno } = await promises.resolve4('nothing.example').catch((e) => e)
    return { errors, message, errno, only: await promises.resolve6('four.example').catch((e) => e.code) }
  }`,
  wrong: `async () => {
    const codes = []
    for (const work of [() => dns.lookup('a'), () => dns.lookup(5, () => {}), () => dns.lookup('a', { family: 5 }, () => {}), () => dns.lookup('a', 'x', () => {}),
      () => dns.resolve4(1, () => {}), () => dns.resolveMx('a', () => {}), () => dns.resolve('a', 'TXT', () => {}), () => dns.reverse('1.1.1.1', () => {}), () => dns.setServers([])])
      try { work(); codes.push('nothing') } catch (e) { codes.push(e.code) }
    let reads = 0
    const found = await promises.lookup('two.example', { get family() { return reads++ === 0 ? 4 : 'evil' } })
    return [codes, found.family, reads]
  }`,
  policy: `async () => await promises.lookup('two.example', 6).catch((e) => e.code)`,
  flood: `async () => {
    const results = await Promise.allSettled(Array.from({ length: 60 }, () => promises.lookup('two.example')))
    const failed = results.filter(({ status }) => status === 'rejected')
    return [results.length - failed.length, [...new Set(failed.map(({ reason }) => reason.code))]]
  }`,
  code: `async () => { try { new (await import('node:dns')).Resolver().setServers(['127.0.0.1']) } catch (e) { return e.code } }`,
}
const PRELUDE = `import dns from 'node:dns'
  import * as promises from 'dns/promises'
  import { promisify } from 'node:util'`

const bundled = nodeBundle(bundleOf(CASES, PRELUDE)).then((code) => new TextDecoder().decode(code))
let worker: Started

beforeAll(async () => {
  dns.zone = {
    'two.example': [['93.184.216.34', '2606:4700::1111']],
    'four.example': [['93.184.216.34']],
    'busy.example': ['servfail'],
    'none.example': [[]],
    'private.example': [['10.1.2.3']],
    'mixed.example': [['93.184.216.34', '127.0.0.1']],
  }
  worker = await launcher.start(await bundled)
})

afterAll(() => dns.close())

async function run(name: string, on = worker): Promise<unknown> {
  const answer = await call(on.worker, { url: `http://x/${name}`, deadlineMs: 100_000 })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  return JSON.parse(answer.body.toString())
}

async function restricted(capabilities: Partial<Capabilities>): Promise<unknown> {
  return await run('policy', await launcher.start(await bundled, capabilities))
}

const four = { address: '93.184.216.34', family: 4 }
const six = { address: '2606:4700::1111', family: 6 }

test('addresses are found in every form', async () => {
  expect(await run('found')).toEqual({
    called: [null, four.address, 4],
    all: [four, six],
    ...{ six, promised: four, four: [four.address], aaaa: [six.address], own: [four.address] },
    ttl: [{ address: four.address, ttl: 0 }],
  })
})

test('addresses and no names need no question', async () => {
  const before = dns.questions.length
  expect(await run('literal')).toEqual([
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
    [],
    [null, '10.0.0.1', 4],
  ])
  expect(dns.questions.length).toBe(before)
})

test('failures have codes, and private addresses are not told', async () => {
  const { errors, ...rest } = (await run('failures')) as { errors: [string, string, boolean][] }
  expect(errors.map(([code]) => code)).toEqual([
    ...['ENOTFOUND', 'EAI_AGAIN', 'ENODATA', 'ERR_POLICY', 'ERR_POLICY', 'ERR_POLICY'],
    ...['ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND'],
  ])
  expect(errors.every(([, syscall, named]) => syscall === 'getaddrinfo' && named)).toBe(true)
  expect(JSON.stringify(errors)).not.toContain('10.1.2.3')
  expect(rest).toMatchObject({ errno: -3008, only: 'ENODATA' })
  expect((rest as unknown as { message: string }).message).toStartWith(
    'queryA ENOTFOUND nothing.example',
  )
})

test('wrong arguments, what is not available, and options that change', async () => {
  const [type, missing] = ['ERR_INVALID_ARG_TYPE', 'ERR_METHOD_NOT_IMPLEMENTED']
  expect(await run('wrong')).toEqual([
    [type, type, 'ERR_INVALID_ARG_VALUE', type, type, missing, missing, missing, missing],
    4,
    1,
  ])
  expect(await run('code')).toBe(missing)
})

test('a function finds only names that it may reach', async () => {
  expect(await restricted({ allowedDomains: ['other.example'] })).toBe('ERR_POLICY')
  expect(await restricted({ allowNetwork: false })).toBe('ERR_POLICY')
  expect(await restricted({ allowedDomains: ['*.example'] })).toEqual(six)
})

test('lookups cost as much as requests', async () => {
  expect(await run('flood')).toEqual([20, ['ERR_LIMIT']])
})

test('the broker takes only names, whatever a worker sends', async () => {
  const session = makeSession(egress())
  const before = dns.questions.length
  for (const url of ['dns:', 'dns://two.example', 'dns:two.example/x', 'dns:a@two.example']) {
    expect((await fetchOnce(session, url)).error?.reason).toBe('ENOTFOUND')
  }
  expect(dns.questions.length).toBe(before)
  const upload = begin(session, 'dns:two.example', { method: 'POST', end: false })
  expect((await upload.head).headers).toEqual([
    ['address', four.address],
    ['address', six.address],
  ])
})
