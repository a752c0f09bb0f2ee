/** What the commands and the service print: nothing is lost, and no file is emptied. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../src/testing/eventually.ts'
import { EXECUTABLE, type Service, Workspace } from './harness.ts'
import { NO_MOUNT, SmallDisk } from './small-disk.ts'

const workspace = new Workspace()
let service: Service

beforeAll(async () => {
  service = await workspace.serve()
  await workspace.deploy(
    'status',
    `export default (r: Request) => {
      const status = Number(new URL(r.url).pathname.slice(1)) || 200
      return new Response(status === 204 ? null : 'x'.repeat(300_000), { status })
    }`,
  )
})

afterAll(async () => {
  await service.stop()
  workspace.remove()
})

/** Runs a script of the shell in which `functions` is the executable. */
async function shell(script: string) {
  const child = Bun.spawn(['bash', '-c', `set -o pipefail\n${script}`], {
    cwd: workspace.dir,
    env: {
      ...process.env,
      FUNCTIONS: EXECUTABLE,
      FUNCTIONS_DATA_DIR: workspace.dataDir,
    },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderr, exitCode }
}

test.each([
  ['deploy a a.ts >>FILE 2>&1', /^before\na v\d+: /],
  ['deploy a a.ts 2>>FILE', /^before\n$/],
  ['invoke status /204 >>FILE', /^before\n$/],
  ['list --config missing.toml 2>>FILE || true', /^before\n.*missing\.toml/],
  ['show status --json >>FILE', /^before\n\{/],
])('%s appends to the file', async (command, expected) => {
  workspace.source('a.ts', 'export default () => new Response("a")')
  const file = join(workspace.dir, `log-${Bun.randomUUIDv7()}`)
  writeFileSync(file, 'before\n')
  const { exitCode } = await shell(`"$FUNCTIONS" ${command.replaceAll('FILE', file)}`)
  expect(exitCode).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(expected)
})

test('output that replaces a file, in the middle of a file, and beside another writer', async () => {
  const file = join(workspace.dir, 'shared')
  await shell(`{ echo first; "$FUNCTIONS" version --json; echo last; } >${file}`)
  expect(readFileSync(file, 'utf8')).toMatch(/^first\n\{.*\}\nlast\n$/)
})

test('a reader that went away ends the command quietly', async () => {
  const early = await shell('"$FUNCTIONS" version --licenses | head -1')
  expect(early.stdout.split('\n')).toHaveLength(2)
  expect(early).toMatchObject({ stderr: '', exitCode: 0 })
  const none = await shell('{ sleep 0.1; "$FUNCTIONS" version --licenses; } | true')
  expect(none).toMatchObject({ stderr: '', exitCode: 0 })
  const failed = await shell('{ sleep 0.1; "$FUNCTIONS" invoke missing; } 2>&1 | true')
  expect(failed).toMatchObject({ stderr: '', exitCode: 1 })
})

test('a slow reader of a pipe that does not block gets all', async () => {
  // The pipe of the parent is set to O_NONBLOCK, as a Node.js parent leaves it.
  const { stdout, stderr } = await shell(`python3 -c '
import os, subprocess, sys, time
r, w = os.pipe()
os.set_blocking(w, False)
child = subprocess.Popen(["${EXECUTABLE}", "invoke", "status", "/200"], stdout=w)
os.close(w)
time.sleep(0.3)
total = 0
while data := os.read(r, 4096):
    total += len(data)
print(total, child.wait())'`)
  expect(stderr).toBe('')
  expect(stdout).toBe('300000 0\n')
})

test('a full disk under the output is an error that names it', async () => {
  const { stderr, exitCode } = await shell('"$FUNCTIONS" version >/dev/full')
  expect(exitCode).toBe(1)
  expect(stderr).toContain('Standard output cannot be written: no space is left')
  expect(stderr).not.toContain('Internal')
  const both = await shell('"$FUNCTIONS" version >/dev/full 2>&1')
  expect(both).toMatchObject({ stderr: '', exitCode: 1 })
  // The deployment is done, only its warning cannot be printed.
  workspace.source('warns.ts', 'export default () => new Response(String(typeof XMLHttpRequest))')
  const deployed = await shell('"$FUNCTIONS" deploy warns warns.ts 2>/dev/full')
  expect(deployed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('live now') })
})

/** Starts a service through the shell, which redirects its output. */
async function serveWith(dataDir: string, redirect: string) {
  const child = Bun.spawn(
    ['bash', '-c', `exec "$0" serve --port 0 --data-dir "$1" ${redirect}`, EXECUTABLE, dataDir],
    { cwd: workspace.dir, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
  return { child, url: await urlOf(dataDir) }
}

async function urlOf(dataDir: string): Promise<string> {
  const file = join(dataDir, 'service.json')
  await eventually('the service runs', () => existsSync(file))
  return JSON.parse(readFileSync(file, 'utf8')).url
}

test.skipIf(NO_MOUNT !== undefined)(
  'a full disk under its log does not end the service, which logs again when there is space',
  async () => {
    const disk = new SmallDisk(join(workspace.dir, 'disk'), '64k')
    try {
      const file = join(disk.path, 'log')
      // The rest of its page has no room for a line.
      writeFileSync(file, 'before '.padEnd(4095, '.').concat('\n'))
      disk.fill()
      const { child, url } = await serveWith(join(workspace.dir, 'data2'), `>>${file} 2>&1`)
      expect((await fetch(`${url}/health`)).status).toBe(200)
      disk.free()
      child.kill('SIGTERM')
      expect(await child.exited).toBe(0)
      const [before, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
      expect(before).toStartWith('before ')
      const log = lines.map((line) => JSON.parse(line))
      const lost = log.find(({ message }) => message === 'log lines could not be written')
      expect(lost.count).toBeGreaterThan(0)
      expect(log.at(-1)).toMatchObject({ message: 'stopped' })
    } finally {
      disk.unmount()
    }
  },
)

test('a reader that does not read blocks neither the service nor its end', async () => {
  // Standard error is a full pipe; the service itself inherits the end that nobody reads.
  const filled = `
import os, sys
r, w = os.pipe()
os.set_blocking(w, False)
try:
    while True: os.write(w, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(w, True)
os.set_inheritable(r, True)
os.dup2(w, 2)
os.execv(sys.argv[1], sys.argv[1:])`
  const dataDir = join(workspace.dir, 'data3')
  const child = Bun.spawn(
    ['python3', '-c', filled, EXECUTABLE, 'serve', '--port', '0', '--data-dir', dataDir],
    { cwd: workspace.dir, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
  const url = await urlOf(dataDir)
  expect((await fetch(`${url}/health`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})
