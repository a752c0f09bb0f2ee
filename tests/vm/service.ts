/** The service that systemd runs in the virtual machine, and the kernel's view of its cgroups. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const EXECUTABLE = '/opt/functions/functions'
const DATA_DIR = '/var/lib/functions'
const URL = 'http://127.0.0.1:8080'
const GROUP = '/sys/fs/cgroup/system.slice/functions.service'

interface Result {
  exitCode: number
  stdout: string
  stderr: string
}

export async function run(...command: string[]): Promise<Result> {
  const child = Bun.spawn(command, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

export function functions(...args: string[]): Promise<Result> {
  return run(EXECUTABLE, ...args, '--data-dir', DATA_DIR)
}

/** Deploys a function with a named profile, or with one whose file is made here. */
export async function deploy(
  name: string,
  text: string,
  profile: object | 'permissive',
  ...flags: string[]
): Promise<void> {
  const file = join(tmpdir(), `${name}.ts`)
  const json = join(tmpdir(), `${name}.json`)
  writeFileSync(file, text)
  if (typeof profile === 'object') writeFileSync(json, JSON.stringify(profile))
  const chosen = typeof profile === 'object' ? json : profile
  const { exitCode, stderr } = await functions('deploy', name, file, '--profile', chosen, ...flags)
  if (exitCode !== 0) throw new Error(`deploy ${name}: ${stderr}`)
}

export async function ask(path: string): Promise<string> {
  const response = await fetch(`${URL}/functions/${path}`)
  return await response.text()
}

/** The workers of a function, as `functions workers` lists them. */
export async function workersOf(name: string): Promise<{ pid: number; layers: string[] }[]> {
  const { stdout } = await functions('workers', '--json')
  return JSON.parse(stdout).filter((row: { function: string }) => row.function === name)
}

/** The folder of a function's cgroup. */
export const groupOf = (name: string) => join(GROUP, `func-${name}`)
export const SERVICE_GROUP = join(GROUP, 'service')

/** A file of a cgroup. */
export function read(group: string, file: string): string {
  return readFileSync(join(group, file), 'utf8').trim()
}

/** One figure of a file that has a name and a number on each line. */
export function figure(group: string, file: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(read(group, file))?.[1])
}

export const exists = (group: string) => existsSync(group)

/** The path of a process's cgroup. */
export function groupOfProcess(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'latin1')
  return join('/sys/fs/cgroup', /^0::(.*)$/m.exec(line)?.[1] ?? '')
}

/** A property of the unit, as systemd has it. */
export async function property(name: string): Promise<string> {
  const { stdout } = await run('systemctl', 'show', '--value', `--property=${name}`, 'functions')
  return stdout.trim()
}

/** The release of the running kernel, as major and minor number. */
export function kernel(): [major: number, minor: number] {
  const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'latin1')
    .split('.')
    .map(Number)
  return [major, minor]
}
