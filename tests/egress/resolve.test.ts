/** No answer to one question serves another: who asks learns nothing of who asked before. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLookup } from '../../src/egress/resolve.ts'
import { until } from '../conformance/harness.ts'
import { DnsServer } from './dns-server.ts'

let server: DnsServer

beforeAll(async () => {
  server = await DnsServer.start()
  server.fallback = ['192.0.2.7']
})

afterAll(() => server.close())

test('a name that was resolved is asked for again', async () => {
  const lookup = createLookup(server.address, 5_000)
  server.questions.length = 0
  for (let i = 0; i < 3; i++) expect(await lookup('again.test')).toEqual(['192.0.2.7'])
  expect(server.questions).toEqual(['again.test', 'again.test', 'again.test'])
})

test('a question joins none that is under way', async () => {
  // Longer than the test, so that no query is sent a second time.
  const lookup = createLookup(server.address, 30_000)
  const release = Promise.withResolvers<void>()
  server.questions.length = 0
  server.held = release.promise
  const answers = [lookup('at-once.test'), lookup('at-once.test')]
  await until('both questions', () => server.questions.length === 2)
  release.resolve()
  expect(await Promise.all(answers)).toEqual([['192.0.2.7'], ['192.0.2.7']])
})

/** Runs in a separate network namespace with its own resolv.conf, where its server has port 53. */
const SYSTEM = `
import { createLookup } from '${join(import.meta.dir, '../../src/egress/resolve.ts')}'
import { DnsServer } from '${join(import.meta.dir, 'dns-server.ts')}'
const server = await DnsServer.start(53)
server.fallback = ['192.0.2.7']
const release = Promise.withResolvers()
server.held = release.promise
const lookup = createLookup(undefined, 5_000)
const answers = [lookup('system.test'), lookup('system.test')]
const end = performance.now() + 4_000
while (server.questions.length < 2 && performance.now() < end) await Bun.sleep(5)
release.resolve()
answers.push(...(await Promise.all(answers)))
answers.push(await lookup('system.test'))
const questions = [...server.questions]
server.fallback = undefined
server.zone = { 'empty.test': [[]], 'failing.test': ['servfail'], 'refusing.test': ['refused'] }
const reason = (name) => lookup(name).then(() => 'found', (error) => error.reason + ': ' + error.message)
const reasons = []
for (const name of ['nobody', 'empty', 'failing', 'refusing']) reasons.push(await reason(name + '.test'))
server.close()
reasons.push(await reason('gone.test'))
console.log(JSON.stringify([questions, answers.slice(2), reasons]))
process.exit(0)
`

test.skipIf(process.getuid?.() !== 0)(
  'nor does a question that goes the system’s way (needs root)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'functions-resolve-'))
    const [settings, program] = [join(folder, 'resolv.conf'), join(folder, 'program.ts')]
    writeFileSync(settings, 'nameserver 127.0.0.1\n')
    writeFileSync(program, SYSTEM)
    const enter = `ip link set lo up && mount --bind ${settings} /etc/resolv.conf && exec "$@"`
    const alone = ['unshare', '--net', '--mount', 'sh', '-c', enter, 'sh']
    const run = Bun.spawn([...alone, process.execPath, program], { stderr: 'inherit' })
    const said = await new Response(run.stdout).text()
    rmSync(folder, { recursive: true, force: true })
    const address = ['192.0.2.7']
    const name = 'system.test'
    expect(JSON.parse(said)).toEqual([
      [name, name, name],
      [address, address, address],
      [
        'ENOTFOUND: nobody.test could not be resolved: the name does not exist.',
        'ENODATA: empty.test could not be resolved: the name exists but has no address.',
        'EAI_AGAIN: failing.test could not be resolved: the DNS server failed (SERVFAIL). Try again later.',
        'EAI_FAIL: refusing.test could not be resolved: the DNS server refused the question (reply code 5).',
        'EAI_AGAIN: gone.test could not be resolved in time: the DNS server did not answer.',
      ],
    ])
  },
  20_000,
)
