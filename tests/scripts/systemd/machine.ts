/** Runs the unit under a real systemd, on a separate machine (machine.sh). */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../../src/testing/eventually.ts'
import { type CommandResult, descendants, EXECUTABLE, ROOT } from '../../e2e/harness.ts'

export const UNIT = readFileSync(join(ROOT, 'scripts/functions.service'), 'utf8')
const BOOT = join(import.meta.dir, 'machine.sh')
const SYSTEMD = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].find((path) =>
  existsSync(path),
)
/** What a service is started after by default; they are empty here. */
const TARGETS = ['sysinit', 'basic', 'shutdown', 'network-online']
/** There is no journal to print to. */
const PRINTS =
  '[Service]\nStandardOutput=append:/run/machine/log\nStandardError=append:/run/machine/log\n'

/** What the unit sets in a section, in its order; a key may come again. */
export function settings(section: string): [key: string, value: string][] {
  const [, text = ''] = UNIT.split(`[${section}]\n`)
  return [...(text.split(/^\[/m)[0] as string).matchAll(/^(\w+)=(.*)$/gm)].map((match) => [
    match[1] as string,
    match[2] as string,
  ])
}

/** Why systemd cannot be run here, if so. */
export function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can boot it'
  if (SYSTEMD === undefined) return 'systemd is not installed'
  const trial = [
    '--pid',
    '--fork',
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--cgroup',
    '--',
    'sh',
    '-c',
  ]
  const { success } = Bun.spawnSync(['unshare', ...trial, 'mount -t cgroup2 cgroup2 /mnt'])
  return success ? undefined : 'this machine gives no namespaces or no cgroup v2 to boot it in'
}

export class Machine {
  /** /run/machine in there. */
  readonly folder = mkdtempSync(join(tmpdir(), 'functions-systemd-'))
  readonly #outside: Bun.Subprocess
  #init = 0

  private constructor(units: Record<string, string>) {
    chmodSync(this.folder, 0o755)
    const place = join(this.folder, 'units')
    mkdirSync(join(place, 'functions.service.d'), { recursive: true })
    for (const name of TARGETS) writeFileSync(join(place, `${name}.target`), '[Unit]\n')
    writeFileSync(join(place, 'functions.service'), UNIT)
    writeFileSync(join(place, 'functions.service.d/prints.conf'), PRINTS)
    for (const [name, text] of Object.entries(units)) writeFileSync(join(place, name), text)
    this.#outside = Bun.spawn(['unshare', '--mount', '--', BOOT, this.folder, EXECUTABLE], {
      env: { PATH: process.env.PATH ?? '', SYSTEMD },
      stdin: 'ignore',
      stdout: Bun.file(join(this.folder, 'boot')),
      stderr: Bun.file(join(this.folder, 'boot')),
    })
  }

  /** Boots, and waits until the unit's service listens. `units`: more units, by the names of their files. */
  static async boot(units: Record<string, string> = {}): Promise<Machine> {
    const machine = new Machine(units)
    try {
      await eventually(
        'the service listens',
        () => /listening on/.test(machine.read('log')),
        30_000,
      )
    } catch (error) {
      const said = `${machine.read('boot')}\n${machine.read('log')}`
      await machine.remove()
      throw new Error(`${error}\n${said}`)
    }
    machine.#init = machine.#firstProcess() ?? 0
    return machine
  }

  #firstProcess(): number | undefined {
    return descendants(this.#outside.pid).find(
      (pid) => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'systemd\n',
    )
  }

  /** A file of its folder; empty where there is none yet. */
  read(name: string): string {
    const path = join(this.folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  write(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text)
    return `/run/machine/${name}`
  }

  /** Runs a command as its administrator would: not under the unit. */
  async run(...command: string[]): Promise<CommandResult> {
    const child = Bun.spawn(
      [
        'nsenter',
        `--target=${this.#init}`,
        '--mount',
        '--uts',
        '--ipc',
        '--net',
        '--pid',
        '--',
        ...command,
      ],
      { env: { PATH: process.env.PATH ?? '' }, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { exitCode, stdout, stderr }
  }

  functions(...args: string[]): Promise<CommandResult> {
    return this.run('/opt/functions/functions', ...args, '--data-dir', '/var/lib/functions')
  }

  /** What systemd says of a property of a unit. */
  async property(name: string, unit = 'functions.service'): Promise<string> {
    return (
      await this.run('systemctl', 'show', '--value', `--property=${name}`, unit)
    ).stdout.trim()
  }

  /** A file of /proc of the service's main process, as seen in there. */
  async proc(name: string): Promise<string> {
    return (await this.run('cat', `/proc/${await this.property('MainPID')}/${name}`)).stdout
  }

  async remove(): Promise<void> {
    const init = this.#firstProcess()
    if (init !== undefined) process.kill(init, 'SIGKILL')
    await this.#outside.exited
    rmSync(this.folder, { recursive: true, force: true })
  }
}
