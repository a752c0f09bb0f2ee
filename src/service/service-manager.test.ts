/** The reports to the service manager, received on real datagram sockets. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../testing/eventually.ts'
import { ServiceManager } from './service-manager.ts'

/** Prints each datagram as a JSON line, and closes the descriptor of a barrier when it is told to. */
const RECEIVER = `
import array, json, os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
print(json.dumps('bound'), flush=True)
while True:
    data, ancillary, _, _ = receiver.recvmsg(4096, socket.CMSG_LEN(4))
    print(json.dumps(data.decode()), flush=True)
    for _, _, content in ancillary:
        sys.stdin.readline()
        print(json.dumps('released'), flush=True)
        os.close(array.array('i', content)[0])
`

const folder = mkdtempSync(join(tmpdir(), 'functions-notify-'))
const running: Bun.Subprocess[] = []

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGKILL')
    await child.exited
  }
})

async function receiver(address: string) {
  const child = Bun.spawn(['python3', '-c', RECEIVER, address], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  running.push(child)
  const received: string[] = []
  void (async () => {
    let text = ''
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk)
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      received.push(...lines.map((line) => JSON.parse(line) as string))
    }
  })()
  await eventually('the receiver is bound', () => received.includes('bound'))
  received.length = 0
  return { child, received }
}

const silent = (message: string) => {
  throw new Error(message)
}

for (const address of [join(folder, 'notify'), `@functions-notify-${process.pid}`]) {
  test(`reports arrive at ${address.startsWith('@') ? 'an abstract socket' : 'a path'}`, async () => {
    const { received } = await receiver(address)
    const manager = new ServiceManager({ NOTIFY_SOCKET: address }, silent)
    const before = BigInt(Math.floor(Number(uptime()) * 1e6))
    manager.ready('Serving')
    manager.reloading()
    manager.ready('Serving again')
    manager.stopping('Stopping')
    await eventually('all reports arrive', () => received.length === 4)
    const [ready, reloading, again, stopping] = received
    expect([ready, again, stopping]).toEqual([
      'READY=1\nSTATUS=Serving',
      'READY=1\nSTATUS=Serving again',
      'STOPPING=1\nSTATUS=Stopping',
    ])
    const usec = BigInt(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading ?? '')?.[1] ?? 0)
    // /proc/uptime includes time in suspend, and is rounded to 10 ms.
    expect(usec > before - 60_000_000n && usec < before + 60_000_000n).toBe(true)
  })
}

/** The first number is CLOCK_BOOTTIME, s. */
const uptime = () => readFileSync('/proc/uptime', 'latin1').split(' ')[0]

test('the watchdog is fed at half of its time, from the first `ready` on', async () => {
  const address = join(folder, 'watchdog')
  const { received } = await receiver(address)
  const environment = {
    NOTIFY_SOCKET: address,
    WATCHDOG_USEC: '40000',
    WATCHDOG_PID: `${process.pid}`,
  }
  const manager = new ServiceManager(environment, silent)
  const fed = () => received.filter((text) => text === 'WATCHDOG=1').length
  manager.ready('Serving')
  await eventually('it was fed', () => fed() >= 3)
  manager.close()
  const other = new ServiceManager({ ...environment, WATCHDOG_PID: '1' }, silent)
  other.ready('Serving')
  await eventually('the report arrived', () => received.at(-1)?.startsWith('READY') === true)
  expect(received.slice(0, 2)).toEqual(['READY=1\nSTATUS=Serving', 'WATCHDOG=1'])
})

test('a hand-over waits until the manager has read the new process id', async () => {
  const address = join(folder, 'barrier')
  const { child, received } = await receiver(address)
  // `continuesIn` blocks this thread, so the receiver's permission has to be there before.
  child.stdin.write('\n')
  child.stdin.flush()
  new ServiceManager({ NOTIFY_SOCKET: address }, silent).continuesIn(4711)
  await eventually('all lines arrive', () => received.length === 3)
  expect(received).toEqual(['MAINPID=4711', 'BARRIER=1', 'released'])
})

test('a manager that cannot be reached is one warning, and none is no warning', () => {
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  new ServiceManager({}, warn).ready('Serving')
  expect(warnings).toEqual([])
  for (const to of [join(folder, 'nobody'), 'vsock:2:1234', `/${'long'.repeat(40)}`]) {
    const manager = new ServiceManager({ NOTIFY_SOCKET: to }, warn)
    manager.ready('Serving')
    manager.stopping('Stopping')
    manager.close()
    expect(warnings.splice(0)).toEqual([expect.stringContaining(to)])
  }
  rmSync(folder, { recursive: true })
})
