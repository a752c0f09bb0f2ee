/** Workers have a lower priority than the service, whatever its priority is, and nothing is logged about it. */
import { afterAll, expect, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXECUTABLE } from '../e2e/harness.ts'
import { ORDINARY_ID } from './evil.ts'

const dir = mkdtempSync(join(tmpdir(), 'functions-priority-'))
const executable = join(dir, 'functions')
chmodSync(dir, 0o777)
copyFileSync(EXECUTABLE, executable)
chmodSync(executable, 0o755)
writeFileSync(join(dir, 'hello.ts'), "export default () => new Response('hello')\n")
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const isRoot = process.getuid?.() === 0
/** An ordinary user cannot raise the priority again. */
const own = isRoot ? 15 : Math.max(15, getPriority())
const grouped = existsSync('/proc/self/autogroup')
const second = Math.min(19, own + 3)
const asUser = [
  'setpriv',
  `--reuid=${ORDINARY_ID}`,
  `--regid=${ORDINARY_ID}`,
  '--clear-groups',
  '--',
]
const users: [name: string, command: string[]][] = isRoot
  ? [
      ['root', []],
      ['an ordinary user', asUser],
    ]
  : [['an ordinary user', []]]
const situations = users.flatMap(([name, command]) =>
  ['fork', 'exec'].map((start) => [name, start, command] as const),
)

/** The 19th field of /proc/<pid>/stat (proc(5)). */
function niceOfProcess(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
}

/** The nice value of the whole session, if the kernel groups processes by session (sched(7)). */
function niceOfSession(pid: number): number {
  return Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'latin1'))?.[1])
}

test.each(situations)('a service of %s, worker.start = %s', async (name, start, command) => {
  const data = join(dir, `${name}-${start}`)
  const lower = ['sh', '-c', `renice -n ${own} -p $$ >/dev/null && exec "$@"`, 'sh']
  const run = (...args: string[]) =>
    Bun.spawn([...lower, ...command, executable, ...args, '--data-dir', data], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', HOME: dir, FUNCTIONS_WORKER_START: start },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const flags = ['--port', '0', '--pool-min-workers-per-function', '2']
  const service = run('serve', ...flags)
  const log = new Response(service.stderr).text()
  try {
    const ready = service.stdout.getReader()
    expect((await ready.read()).done).toBe(false)
    expect(await run('deploy', 'hello', join(dir, 'hello.ts')).exited).toBe(0)
    const pids = async () => {
      const text = await new Response(run('workers', '--json').stdout).text()
      return (JSON.parse(text) as { pid: number }[]).map(({ pid }) => pid)
    }
    let found: number[]
    // The second worker of a function has a lower priority than the first.
    do found = (await pids()).map(niceOfProcess)
    while (found.length < 2 || !found.includes(second))
    expect(found.toSorted((a, b) => a - b)).toEqual([own, second])
    // An ordinary user may lower ten a second on the whole machine, so this may need another deployment.
    while (start === 'exec' && grouped && !(await pids()).some((pid) => niceOfSession(pid) >= 10)) {
      expect(await run('deploy', 'hello', join(dir, 'hello.ts')).exited).toBe(0)
    }
  } finally {
    service.kill()
  }
  expect(await log).not.toContain('is not held')
})
