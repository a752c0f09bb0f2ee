/**
 * An attacker who runs native code inside a worker, in each kind of sandbox. Meanwhile a neighbour of
 * another tenant answers one request after the other; not one may fail.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { maxProcesses } from '../../src/worker/sandbox/sandbox.ts'
import { ALLOWED, CALLS, LETHAL, REFUSED } from './attempts.ts'
import { outcome, type Stand, stand } from './evil.ts'
import { Neighbour } from './neighbour.ts'

const OWNER = process.getuid?.() === 0 ? 65534 : process.getuid?.()
const x64 = process.arch === 'x64'

const dir = mkdtempSync(join(tmpdir(), 'functions-evil-'))
const allowed = join(dir, 'allowed')
const readable = join(dir, 'readable')
const secrets = join(dir, 'data')
chmodSync(dir, 0o755)
for (const path of [allowed, readable, secrets]) mkdirSync(path, { mode: 0o777 })
for (const path of [allowed, readable, secrets]) {
  writeFileSync(join(path, 'file'), 'content', { mode: 0o666 })
  if (OWNER !== undefined) chownSync(path, OWNER, OWNER)
}

const covered = [secrets]
const paths = { allowFilesystem: true, allowedPaths: [allowed, `${readable}:ro`] }
const everything = {
  allowFilesystem: true,
  allowNetwork: true,
  allowChildProcess: true,
  allowEval: true,
}

/** Every kind of sandbox, with the evil worker in it. */
const stands: Record<string, Stand> = {
  strict: stand('quickjs-ng', {}, { covered }),
  'strict, without namespaces': stand('quickjs-ng', {}, { covered, namespaces: 'off' }),
  'strict, by exec': stand('quickjs-ng', {}, { covered, start: 'exec' }),
  paths: stand('quickjs-ng', paths, { covered }),
  'all files': stand('quickjs-ng', { allowFilesystem: true }, { covered }),
  programs: stand('quickjs-ng', { ...paths, allowChildProcess: true }, { covered }),
  bun: stand('bun', {}, { covered }),
  permissive: stand('quickjs-ng', everything, { covered }),
}
const SEALED = ['strict', 'strict, without namespaces', 'strict, by exec']

// What the attacker would like to reach.
const servers: Server[] = []
let tcpPort = 0
const abstractName = `functions-evil-${process.pid}`
const unixPath = join(secrets, 'control.sock')

let neighbour: Neighbour

beforeAll(async () => {
  const listen = async (where: object | string) => {
    const server = createServer((socket) => socket.on('error', () => {}))
    servers.push(server)
    await new Promise<void>((done) => server.listen(where as object, done))
    return server
  }
  tcpPort = ((await listen({ host: '127.0.0.1', port: 0 })).address() as { port: number }).port
  await listen({ path: unixPath })
  await listen({ path: `\0${abstractName}` })
  neighbour = await Neighbour.start()
})

afterAll(async () => {
  for (const server of servers) server.close()
  await Promise.all([
    ...Object.values(stands).map(({ fixture }) => fixture.close()),
    neighbour.close(),
  ])
  rmSync(dir, { recursive: true, force: true })
})

for (const kind of [...SEALED, 'paths', 'all files']) {
  describe(`${kind}: a call that its filter does not have`, () => {
    // There the worker itself is pid 1.
    const calls = kind.endsWith('exec') ? CALLS.filter((name) => name !== 'tkill-init') : CALLS
    test.each(calls)('%s', async (attempt) => {
      expect(await outcome(stands[kind] as Stand, attempt)).toBe('killed')
    })

    test('io_uring_setup, which a loop asks for', async () => {
      expect(await outcome(stands[kind] as Stand, 'io_uring_setup')).toBe('refused ENOSYS')
    })
  })
}

for (const kind of SEALED) {
  describe(`${kind}: files, networks, processes`, () => {
    test.each([
      'open-read /etc/passwd',
      'open-read /proc/self/mem',
      'open-write /tmp/evil',
      'list /',
      'list /proc',
      'stat /etc/passwd',
      'link /etc/passwd',
      'device /tmp/device',
      'other-processes',
      'signal-others',
      'tcp6',
      'listen',
      'fill-disk /tmp/evil',
    ])('%s', async (attempt) => {
      expect(await outcome(stands[kind] as Stand, attempt)).toBe('killed')
    })

    test('the data directory, the control plane’s port and its sockets', async () => {
      for (const attempt of [
        `open-read ${secrets}/file`,
        `tcp 127.0.0.1 ${tcpPort}`,
        `udp 127.0.0.1 ${tcpPort}`,
        `unix ${unixPath}`,
        `abstract ${abstractName}`,
      ]) {
        expect(`${attempt}: ${await outcome(stands[kind] as Stand, attempt)}`).toBe(
          `${attempt}: killed`,
        )
      }
    })

    test('descriptors beside its channel', async () => {
      // A separate process has two descriptors that print to its function's log.
      const printing = kind.endsWith('exec') ? 2 : 0
      expect(await outcome(stands[kind] as Stand, 'other-sockets')).toBe(`done ${printing}`)
    })

    test('more memory than it may', async () => {
      const [, megabytes] = (await outcome(stands[kind] as Stand, 'fill-memory')).split(' ')
      expect(Number(megabytes)).toBeWithin(1, 64 + 33)
    })

    test('a core file of what it knows', async () => {
      // An executed worker is the init of its pid namespace, so a signal that it sends to itself does not end it.
      expect(await outcome(stands[kind] as Stand, 'dump-core')).toMatch(
        kind === 'strict, by exec' ? /killed/ : /signal 6/,
      )
      expect(readdirSync(dir).filter((name) => name.startsWith('core'))).toEqual([])
    })

    test('its stack, and data as code', async () => {
      expect(await outcome(stands[kind] as Stand, 'overflow-stack')).toContain('signal 11')
      expect(await outcome(stands[kind] as Stand, 'jump-into-data')).toContain('signal 11')
    })

    test('the CPU, for ever', async () => {
      expect(await outcome(stands[kind] as Stand, 'spin')).toMatch(/CPU_LIMIT|BUNDLE_LOAD_ERROR/)
    }, 60_000)

    test.if(x64)('the kernel’s 32-bit door', async () => {
      // SIGSYS if the kernel has this entry point, else SIGSEGV.
      expect(await outcome(stands[kind] as Stand, 'int80')).toMatch(/killed|signal 11/)
    })
  })
}

describe('paths: exactly those, and exactly as allowed', () => {
  const at = stands.paths as Stand
  test.each([
    [`open-read ${allowed}/file`, 'done 1'],
    [`open-write ${allowed}/new`, 'done 4'],
    [`open-read ${readable}/file`, 'done 1'],
    // Landlock comes before the mount.
    [`open-write ${readable}/file`, 'refused EACCES'],
    [`open-write ${readable}/new`, 'refused EROFS'],
    [`open-read ${secrets}/file`, 'refused ENOENT'],
    [`open-read ${allowed}/../data/file`, 'refused ENOENT'],
    ['open-read /etc/passwd', 'refused ENOENT'],
    ['open-read /proc/self/mem', 'refused ENOENT'],
    ['open-read /dev/null', 'refused ENOENT'],
    ['stat /etc', 'refused ENOENT'],
    ['list /', 'refused EACCES'],
    ['list /proc', 'refused ENOENT'],
    ['open-write /new', 'refused EROFS'],
    [`device ${allowed}/device`, 'killed'],
    [`link ${allowed}/file`, 'refused EROFS'],
  ])('%s: %s', async (attempt, wanted) => {
    expect(await outcome(at, attempt)).toBe(wanted)
  })

  test('a link of the tenant’s own leads nowhere', async () => {
    const { symlinkSync } = await import('node:fs')
    symlinkSync('/etc', join(allowed, 'out'))
    symlinkSync(secrets, join(allowed, 'data'))
    expect(await outcome(at, `open-read ${allowed}/out/passwd`)).toBe('refused ENOENT')
    expect(await outcome(at, `open-read ${allowed}/data/file`)).toBe('refused ENOENT')
  })
})

describe('all files: but for what is the service’s own', () => {
  const at = stands['all files'] as Stand
  test.each([
    ['open-read /etc/passwd', 'done 1'],
    [`open-read ${secrets}/file`, 'refused ENOENT'],
    [`open-write ${secrets}/file`, 'refused EROFS'],
    [`unix ${unixPath}`, 'killed'],
    ['other-processes', 'done 0'],
    ['open-read /proc/1/mem', 'refused ENOENT'],
    ['open-read /proc/1/environ', 'refused ENOENT'],
  ])('%s: %s', async (attempt, wanted) => {
    expect(await outcome(at, attempt)).toBe(wanted)
  })
})

for (const kind of ['bun', 'programs', 'permissive']) {
  const at = stands[kind] as Stand
  describe(`${kind}: the calls that lead out`, () => {
    test.each(LETHAL)('%s', async (attempt) => {
      expect(await outcome(at, attempt)).toBe('killed')
    })

    test.each(REFUSED)('%s', async (attempt, wanted) => {
      expect(await outcome(at, attempt)).toMatch(wanted)
    })

    test('processes have their own limit', async () => {
      const said = await outcome(at, 'count-forks')
      // The filter of Bun has threads only.
      if (kind === 'bun') expect(said).toBe('refused ENOSYS')
      else expect(Number(/^done (\d+)$/.exec(said)?.[1])).toBeWithin(1, maxProcesses())
    })

    test.each(ALLOWED)('%s is allowed', async (attempt, wanted) => {
      expect(await outcome(at, attempt)).toMatch(wanted)
    })

    test('no other process is in sight, none can be signalled', async () => {
      expect(await outcome(at, 'other-processes')).toMatch(/^(done 0|refused EACCES)$/)
      expect(await outcome(at, 'signal-others')).toBe('done 0')
    })

    test('the data directory, and the control plane’s sockets', async () => {
      expect(await outcome(at, `open-read ${secrets}/file`)).toBe('refused ENOENT')
      expect(await outcome(at, `unix ${unixPath}`)).toMatch(/^refused (ENOENT|EACCES)$/)
      expect(await outcome(at, `abstract ${abstractName}`)).toMatch(
        /^refused (EPERM|ECONNREFUSED)$/,
      )
    })
  })
}

describe.each(['bun', 'programs'])('%s: the network', (kind) => {
  const at = stands[kind] as Stand
  test('is empty', async () => {
    const refused = /^refused (ENETUNREACH|EACCES|EADDRNOTAVAIL)$/
    expect(await outcome(at, `tcp 127.0.0.1 ${tcpPort}`)).toMatch(refused)
    expect(await outcome(at, `udp 127.0.0.1 ${tcpPort}`)).toMatch(refused)
    expect(await outcome(at, 'tcp6')).toMatch(refused)
    expect(await outcome(at, 'listen')).toMatch(refused)
  })

  test('and files are those of its root', async () => {
    expect(await outcome(at, 'open-read /etc/passwd')).toBe('refused ENOENT')
    expect(await outcome(at, 'list /')).toBe('refused EACCES')
    expect(await outcome(at, 'open-write /new')).toMatch(/^refused (EACCES|EROFS)$/)
  })
})

describe('bun: programs', () => {
  test.each(['fork', 'execve', 'execveat'])('%s', async (attempt) => {
    expect(await outcome(stands.bun as Stand, attempt)).toBe('refused ENOSYS')
  })

  test('its /tmp is full before anybody’s disk is', async () => {
    expect(await outcome(stands.bun as Stand, 'fill-disk /tmp/evil')).toMatch(
      /^refused (ENOSPC|EFBIG)$/,
    )
    expect(existsSync('/tmp/evil')).toBe(false)
  })
})

for (const kind of ['paths', 'all files', 'programs', 'permissive', 'bun']) {
  const at = stands[kind] as Stand
  describe(`${kind}: what it holds and may use up`, () => {
    test('a core file of what it knows', async () => {
      expect(await outcome(at, 'dump-core')).toMatch(/signal 6|killed|WORKER_CRASHED/)
      for (const path of [dir, allowed, '/']) {
        expect(readdirSync(path).filter((name) => name.startsWith('core'))).toEqual([])
      }
    })

    test('descriptors beside its channel', async () => {
      expect(await outcome(at, 'other-sockets')).toMatch(/^done [02]$/)
    })

    test('more descriptors than it may', async () => {
      expect(await outcome(at, 'raise-nofile')).toMatch(/^(refused EPERM|killed)$/)
    })
  })
}

describe.each(['paths', 'all files'])('%s: networks and processes', (kind) => {
  test.each([
    'tcp 127.0.0.1 80',
    'udp 127.0.0.1 53',
    'tcp6',
    'listen',
    `unix ${unixPath}`,
    `abstract ${abstractName}`,
    'signal-others',
  ])('%s', async (attempt) => {
    expect(await outcome(stands[kind] as Stand, attempt)).toBe('killed')
  })
})

test('the neighbour answered each request all the while', () => neighbour.expectAllAnswered())
