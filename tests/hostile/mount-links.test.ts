/** A link that one worker puts in the place of another worker's directory is not followed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { type Service, Workspace } from '../e2e/harness.ts'

const READ = `import * as fs from 'node:fs/promises'
export default async (req: Request) => {
  const path = new URL(req.url).searchParams.get('a')
  try { return new Response(await fs.readFile(path, 'utf8')) } catch (error) { return new Response(String(error)) }
}`
/** Replaces its directory \`sub\` by a link to the given path. */
const SWAP = (folder: string) => `import * as fs from 'node:fs'
export default (req: Request) => {
  const target = new URL(req.url).searchParams.get('a')
  try {
    fs.renameSync('${folder}/sub', '${folder}/was')
    fs.symlinkSync(target, '${folder}/sub')
    return new Response('swapped')
  } catch (error) { return new Response(String(error)) }
}`

const space = new Workspace()
const room = (...path: string[]) => join(space.dir, 'rooms', ...path)
let service: Service

beforeAll(async () => {
  for (const path of ['alpha/sub', 'beta', 'gamma']) mkdirSync(room(path), { recursive: true })
  writeFileSync(room('alpha/sub/own.txt'), 'alpha')
  writeFileSync(room('beta/own.txt'), 'beta-secret')
  symlinkSync(room('beta'), room('gamma/operators'))
  Bun.spawnSync(['chmod', '-R', 'a+rwX', room()])
  chmodSync(space.dir, 0o755)
  const profile = (name: string, path: string, more = {}) => {
    const rules = { allowFilesystem: true, allowedPaths: [path], ...more }
    return ['--profile', space.source(`${name}.json`, JSON.stringify(rules))]
  }
  const bun = { allowEval: true, maxMemory: '512MB' }
  const swap = profile('swap', room('alpha'), bun)
  await space.deploy('swap', SWAP(room('alpha')), '--runtime', 'bun', ...swap)
  await space.deploy('below', READ, ...profile('below', room('alpha/sub')))
  await space.deploy('linked', READ, ...profile('linked', room('gamma/operators')))
  service = await space.serve()
}, 60_000)

afterAll(async () => {
  await service.stop()
  space.remove()
})

const ask = async (name: string, path: string) =>
  await (await service.fetch(`/functions/${name}?a=${encodeURIComponent(path)}`)).text()

describe.skipIf(process.getuid?.() !== 0)('as root (else all links are of one user)', () => {
  test('the link of an operator is followed', async () => {
    expect(await ask('linked', room('gamma/operators/own.txt'))).toBe('beta-secret')
  })

  test('the link of a worker is not: whose folder it replaced is refused', async () => {
    expect(await ask('swap', room('beta'))).toBe('swapped')
    const answer = await ask('below', room('alpha/sub/own.txt'))
    expect(answer).not.toContain('beta-secret')
    expect(answer).toContain('SANDBOX_UNAVAILABLE')
    expect(answer).not.toContain(space.dir)
    const refusal = `the link ${room('alpha/sub')} is not followed`
    await eventually('the log says which link', () => service.log.includes(refusal))
    expect(service.log).toContain('belongs to the workers')
  })

  test('nor where layers may be left out: Landlock would follow it', async () => {
    await service.stop()
    service = await space.serve('--sandbox-allow-degraded', 'true')
    const answer = await ask('below', room('alpha/sub/own.txt'))
    expect(answer).not.toContain('beta-secret')
    expect(answer).toContain('SANDBOX_UNAVAILABLE')
  })
})
