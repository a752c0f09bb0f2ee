/** Compares the layers that `functions doctor` reports with those of a worker of the same service. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXECUTABLE } from '../e2e/harness.ts'
import { userNamespaces } from '../launcher/harness.ts'
import { ORDINARY_ID, WITHOUT_NAMESPACES } from './evil.ts'

interface Report {
  checks: { name: string; result: string; detail: string }[]
  layers: { layer: string; available: boolean; inUse: boolean; detail: string }[]
}

const isRoot = process.getuid?.() === 0
const NAMESPACES = ['mount', 'network', 'ipc', 'uts', 'pid'].map((kind) => `${kind}_namespace`)
const asUser = isRoot
  ? ['setpriv', `--reuid=${ORDINARY_ID}`, `--regid=${ORDINARY_ID}`, '--clear-groups', '--']
  : []

const asUserWithout = ['/bin/sh', '-c', `exec ${asUser.join(' ')} ${WITHOUT_NAMESPACES} "$@"`, 'sh']

/** How a service is started, whether as root, and whether it has namespaces. */
const situations: [name: string, command: string[], root: boolean, namespaces: boolean][] = [
  ['an ordinary user without user namespaces', asUserWithout, false, false],
]
if (userNamespaces) situations.push(['an ordinary user', asUser, false, true])
if (isRoot) situations.push(['root', [], true, true])

let dir: string
let executable: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'functions-doctor-'))
  chmodSync(dir, 0o777)
  executable = join(dir, 'functions')
  copyFileSync(EXECUTABLE, executable)
  chmodSync(executable, 0o755)
  writeFileSync(join(dir, 'hello.ts'), "export default () => new Response('hello')\n", {
    mode: 0o644,
  })
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

function run(command: string[], ...args: string[]) {
  const env = { PATH: process.env.PATH ?? '', HOME: dir }
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command, executable, ...args], {
    cwd: dir,
    env,
  })
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode }
}

describe.each(situations)('%s', (name, command, root, namespaces) => {
  const data = () => join(dir, name.replaceAll(' ', '-'))
  const socket = () => `${data()}.sock`
  let report: Report

  beforeAll(() => {
    report = JSON.parse(run(command, 'doctor', '--data-dir', data(), '--json').stdout)
  })

  test('each layer: available or why not, and what to do', () => {
    const at = Object.fromEntries(report.layers.map((row) => [row.layer, row]))
    expect(at.uid?.available).toBe(root)
    for (const layer of NAMESPACES) {
      expect(`${layer} ${at[layer]?.available}`).toBe(`${layer} ${namespaces}`)
      if (!namespaces) expect(at[layer]?.detail).toContain('user namespaces')
    }
    for (const layer of ['rlimits', 'no_new_privs', 'seccomp'])
      expect(at[layer]?.available).toBe(true)
    if (!existsSync('/sys/fs/cgroup/cgroup.controllers')) expect(at.cgroup?.available).toBe(false)
  })

  test('each kind of worker: the layers that it has, or that it is refused', () => {
    const detail = (check: string) => report.checks.find((row) => row.name === check)?.detail ?? ''
    expect(detail('worker')).toMatch(/layers: .*seccomp/)
    expect(detail('worker').includes('mount_namespace')).toBe(namespaces)
    for (const kind of ['profiles with paths', 'profiles with programs', 'bun workers']) {
      expect(detail(kind)).toMatch(namespaces ? /^layers: / : /^refused: .*_namespace/)
    }
  })

  test('a running worker has what it said', async () => {
    const flags = ['--data-dir', data(), '--socket', socket()]
    expect(run(command, 'deploy', 'hello', 'hello.ts', '--data-dir', data()).exitCode).toBe(0)
    const service = Bun.spawn([...command, executable, 'serve', '--port', '0', ...flags], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', HOME: dir },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    try {
      const { value } = await service.stdout.getReader().read()
      const url = /http:\S+/.exec(new TextDecoder().decode(value))?.[0]
      expect(await (await fetch(`${url}/functions/hello`)).text()).toBe('hello')
      const [worker] = JSON.parse(run(command, 'workers', '--json', ...flags).stdout)
      const said = report.checks.find((row) => row.name === 'worker')?.detail.split('layers: ')[1]
      expect(worker.layers.join(', ')).toBe(said)
      const inUse = report.layers.filter((row) => row.inUse).map((row) => row.layer)
      expect(worker.layers).toEqual(expect.arrayContaining(inUse))
    } finally {
      service.kill()
      await service.exited
    }
  })
})
