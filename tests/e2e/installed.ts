/** An installed executable with a service that is restarted and upgraded. */
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { alive, type CommandResult, EXECUTABLE, Workspace } from './harness.ts'

/** An installation of its own, because an upgrade replaces the executable. */
export class Installed {
  readonly space = new Workspace()
  readonly bin = join(this.space.dir, 'bin')
  readonly executable = join(this.bin, 'functions')
  port = 0
  first: Bun.Subprocess | undefined
  log = ''

  constructor() {
    mkdirSync(this.bin)
    // Nothing writes to the file: an upgrade puts another one in its place.
    try {
      linkSync(EXECUTABLE, this.executable)
    } catch {
      copyFileSync(EXECUTABLE, this.executable)
    }
  }

  /** A service with the function `hello`. */
  static async serving(): Promise<Installed> {
    const installed = new Installed()
    await installed.space.deploy('hello', HELLO)
    await installed.serve()
    return installed
  }

  async serve(...flags: string[]): Promise<void> {
    const args = ['serve', '--port', '0', '--data-dir', this.space.dataDir, ...flags]
    const child = Bun.spawn([this.executable, ...args], {
      cwd: this.space.dir,
      env: { PATH: process.env.PATH ?? '', TMPDIR: process.env.TMPDIR ?? '/tmp' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.first = child
    let printed = ''
    void collect(child.stdout, (text) => {
      printed += text
    })
    void collect(child.stderr, (text) => {
      this.log += text
    })
    await eventually(`it listens: ${this.log}`, () => /listening on .*\n/.test(printed), 20_000)
    this.port = Number(/:(\d+)\n/.exec(printed)?.[1])
  }

  /** The process that is the service. */
  get pid(): number {
    return this.document.pid as number
  }

  get document(): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.space.dataDir, 'service.json'), 'utf8'))
  }

  async ask(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      headers: { connection: 'close' },
    })
    return await response.text()
  }

  /** The text of /metrics, which the management socket has. */
  async metrics(): Promise<string> {
    const unix = join(this.space.dataDir, 'functions.sock')
    return await (await fetch('http://functions/metrics', { unix })).text()
  }

  restart(...flags: string[]): Promise<CommandResult> {
    return this.space.command('restart', '--json', ...flags)
  }

  upgrade(file: string, ...flags: string[]): Promise<CommandResult> {
    return this.space.command('upgrade', file, '--json', ...flags)
  }

  /** Puts a program in the place of the executable; the running processes keep theirs. */
  replaceExecutable(text: string): void {
    renameSync(this.executable, `${this.executable}.real`)
    writeFileSync(this.executable, text)
    chmodSync(this.executable, 0o755)
  }

  restoreExecutable(): void {
    renameSync(`${this.executable}.real`, this.executable)
  }

  async remove(): Promise<void> {
    try {
      const { pid } = this
      process.kill(pid)
      await eventually('the service has stopped', () => !alive(pid))
    } catch {
      // It is not running.
    }
    this.first?.kill('SIGKILL')
    this.space.remove()
  }
}

async function collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void) {
  const decoder = new TextDecoder()
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }))
}

export function documentOf({ stdout, stderr, exitCode }: CommandResult): Record<string, unknown> {
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`)
  return JSON.parse(stdout)
}

export const HELLO = `export default () => new Response('hello')\n`

/** A process that takes over as far as the test wants, and then does `end`. */
export const successor = (messages: string[], end: string) => `#!/usr/bin/env python3
import os, socket, sys, time, json
channel = socket.socket(fileno=4)
lines = channel.makefile('r')
def expect(name):
    assert json.loads(lines.readline())['type'] == name
expect('begin')
for name in ${JSON.stringify(messages)}:
    channel.sendall(json.dumps({'type': name}).encode() + b'\\n')
    expect({'prepared': 'take', 'adopted': 'alone'}[name])
${end}
`
export const FOREVER = 'time.sleep(1000)'
