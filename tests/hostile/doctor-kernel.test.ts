/** Compares doctor's report with the kernel, for each user that may start the service: it reports no layer that is missing. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXECUTABLE } from '../e2e/harness.ts'
import { userNamespaces } from '../launcher/harness.ts'
import { ORDINARY_ID, WITHOUT_NAMESPACES } from './evil.ts'

interface Report {
  ok: boolean
  checks: { name: string; result: string; detail: string }[]
  layers: { layer: string; available: boolean; inUse: boolean; detail: string }[]
}

const isRoot = process.getuid?.() === 0
const ORDINARY = isRoot
  ? `setpriv --reuid=${ORDINARY_ID} --regid=${ORDINARY_ID} --clear-groups --`
  : ''
/** Ids that a user namespace of root's own has: those of the workers are among them. */
const IDS = 70_000
/** Root with all its ids, where no further user namespace can be made. It prints a line when its ids can be mapped. */
const ROOT_WITHOUT = `unshare --user /bin/sh -c 'echo; read -r mapped; echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh`

interface Starter {
  through: string
  /** How this user would create one namespace without the product. */
  unshare: string
  mapped?: boolean
}
const STARTERS: [string, boolean, Starter][] = [
  ['root', isRoot, { through: '', unshare: 'unshare' }],
  [
    'root, without user namespaces',
    isRoot,
    { through: ROOT_WITHOUT, unshare: 'unshare', mapped: true },
  ],
  [
    'an ordinary user',
    userNamespaces,
    { through: ORDINARY, unshare: 'unshare --user --map-root-user' },
  ],
  [
    'an ordinary user, without user namespaces',
    true,
    { through: `${ORDINARY} ${WITHOUT_NAMESPACES}`, unshare: 'unshare --user --map-root-user' },
  ],
]

const NAMESPACES = { mount: '--mount', network: '--net', ipc: '--ipc', uts: '--uts', pid: '--pid' }

const folder = mkdtempSync(join(tmpdir(), 'functions-doctor-'))
chmodSync(folder, 0o777)
// A copy that every user may read: the project may be in a directory that only root may enter.
const executable = join(folder, 'functions')
beforeAll(() => {
  copyFileSync(EXECUTABLE, executable)
  chmodSync(executable, 0o755)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a command as this user. @returns its exit status and output */
async function as(starter: Starter, command: string): Promise<{ status: number; text: string }> {
  const child = Bun.spawn(['/bin/sh', '-c', `exec ${starter.through} ${command}`], {
    env: { PATH: process.env.PATH ?? '', TMPDIR: folder },
    cwd: folder,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const reader = child.stdout.getReader()
  let text = ''
  for (let mapped = false; ; ) {
    const { done, value } = await reader.read()
    if (done) break
    text += new TextDecoder().decode(value)
    if (starter.mapped === true && !mapped) {
      mapped = true
      for (const map of ['uid_map', 'gid_map']) {
        writeFileSync(`/proc/${child.pid}/${map}`, `0 0 ${IDS}\n`)
      }
      child.stdin.write('\n')
      child.stdin.flush()
    }
  }
  return { status: await child.exited, text }
}

for (const [who, possible, starter] of STARTERS) {
  describe.if(possible)(who, () => {
    let status: number
    let report: Report
    beforeAll(async () => {
      const data = join(folder, 'data')
      const ran = await as(starter, `${executable} doctor --json --port 0 --data-dir ${data}`)
      status = ran.status
      report = JSON.parse(ran.text)
    }, 60_000)
    const layer = (name: string) => report.layers.find((row) => row.layer === name)
    const check = (name: string) => report.checks.find((row) => row.name === name)

    test.each(Object.entries(NAMESPACES))('the %s namespace', async (name, flag) => {
      const real = await as(starter, `${starter.unshare} ${flag} --fork /bin/true`)
      const told = layer(`${name}_namespace`)
      expect(told?.available).toBe(real.status === 0)
      expect(told?.inUse).toBe(real.status === 0)
      if (real.status !== 0) expect(told?.detail).toContain('user.max_user_namespaces')
    })

    test('who the workers are', async () => {
      const { text } = await as(starter, 'id -u')
      const asRoot = text.trim() === '0'
      expect(layer('uid')?.available).toBe(asRoot)
      if (!asRoot) expect(layer('uid')?.detail).toContain('start the service as root')
    })

    test('each profile runs or is refused, by what there is for it', () => {
      expect(status).toBe(0)
      expect(check('worker')?.result).toBe('ok')
      const walled = layer('mount_namespace')?.available === true
      for (const name of [
        'profiles with paths',
        'profiles with programs',
        'the permissive profile',
        'bun workers',
      ]) {
        expect(`${name}: ${check(name)?.result}`).toBe(`${name}: ${walled ? 'ok' : 'warn'}`)
        if (!walled)
          expect(check(name)?.detail).toMatch(/^refused: .* requires the layer \w+_namespace/)
      }
    })

    test('the line of the kernel and the layers say the same', () => {
      for (const name of ['landlock', 'seccomp']) {
        const word = layer(name)?.available ? name : `no ${name}`
        expect(check('kernel')?.detail).toContain(`, ${word}`)
      }
    })
  })
}
