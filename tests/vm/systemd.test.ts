/** The unit under the systemd that booted the machine. */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { eventually } from '../../src/testing/eventually.ts'
import { ask, deploy, functions, property, read, run, SERVICE_GROUP } from './service.ts'

const TIMEOUT = 120_000
const PATIENCE = 60_000

async function systemctl(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await run('systemctl', ...args)
  if (exitCode !== 0) throw new Error(`systemctl ${args.join(' ')}: ${stderr}`)
}

async function restarted(from: string): Promise<void> {
  await eventually(
    'systemd started it again',
    async () =>
      (await property('ActiveState')) === 'active' && (await property('MainPID')) !== from,
    PATIENCE,
  )
}

test(
  'the service says that it is ready, and systemd watches it',
  async () => {
    expect(await property('Type')).toBe('notify')
    expect(await property('ActiveState')).toBe('active')
    expect(await property('StatusText')).toContain('8080')
    expect(await property('WatchdogUSec')).toBe('30s')
  },
  TIMEOUT,
)

test(
  'a reload applies functions.toml in the same process',
  async () => {
    await deploy('slow', `export default () => new Promise(() => {})`, {})
    const pid = await property('MainPID')
    writeFileSync('/etc/functions/functions.toml', '[server]\ntimeout = "1s"\n')
    await systemctl('reload', 'functions')
    expect(await ask('slow')).toContain('"TIMEOUT"')
    writeFileSync('/etc/functions/functions.toml', '')
    await systemctl('reload', 'functions')
    expect(await property('MainPID')).toBe(pid)
  },
  TIMEOUT,
)

/** Asks until `over`; returns how many answers there were, and those that were wrong. */
async function load(over: () => boolean): Promise<{ answers: number; wrong: string[] }> {
  const wrong: string[] = []
  let answers = 0
  while (!over()) {
    const answer = await ask('kept').catch((error) => `${error}`)
    if (answer === 'answer') answers++
    else wrong.push(answer)
  }
  return { answers, wrong }
}

test.each([
  ['restart', []],
  ['upgrade', ['/project/functions', '--timeout', '2min']],
] as const)(
  'functions %s: no request fails, and systemd follows the new process',
  async (command, args) => {
    await deploy('kept', `export default () => new Response('answer')`, {})
    expect(await ask('kept')).toBe('answer')
    const pid = await property('MainPID')
    const restarts = await property('NRestarts')
    let over = false
    const loaded = load(() => over)
    const result = await functions(command, ...args)
    over = true
    expect(`${result.exitCode} ${result.stderr}`).toBe('0 ')
    expect((await loaded).wrong).toEqual([])
    await eventually('systemd knows', async () => (await property('MainPID')) !== pid, PATIENCE)
    await eventually('the old one is gone', () => !existsSync(`/proc/${pid}`), PATIENCE)
    expect(await property('ActiveState')).toBe('active')
    expect(await property('NRestarts')).toBe(restarts)
    expect(await ask('kept')).toBe('answer')
  },
  TIMEOUT,
)

test('the executable before the upgrade is kept', () => {
  expect(existsSync('/opt/functions/functions.previous')).toBe(true)
})

test(
  'a service that is killed is started again, its functions serve, and no old process is left',
  async () => {
    await deploy('kept', `export default () => new Response('answer')`, {})
    expect(await ask('kept')).toBe('answer')
    const pid = await property('MainPID')
    const before = read(SERVICE_GROUP, 'cgroup.procs').split('\n')
    process.kill(Number(pid), 'SIGKILL')
    await restarted(pid)
    await eventually(
      'it serves',
      async () => (await ask('kept').catch(() => '')) === 'answer',
      PATIENCE,
    )
    const left = read(SERVICE_GROUP, 'cgroup.procs')
      .split('\n')
      .filter((one) => before.includes(one))
    expect(left).toEqual([])
  },
  TIMEOUT,
)

test(
  'a service that hangs is killed by the watchdog and started again',
  async () => {
    mkdirSync('/etc/systemd/system/functions.service.d', { recursive: true })
    const soon = '[Service]\nWatchdogSec=5s\nTimeoutAbortSec=1s\n'
    writeFileSync('/etc/systemd/system/functions.service.d/soon.conf', soon)
    await systemctl('daemon-reload')
    await systemctl('restart', 'functions')
    const pid = await property('MainPID')
    process.kill(Number(pid), 'SIGSTOP')
    await restarted(pid)
    await eventually(
      'it serves',
      async () => (await ask('kept').catch(() => '')) === 'answer',
      PATIENCE,
    )
  },
  TIMEOUT,
)
