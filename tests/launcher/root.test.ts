/** The root of a program: empty except for mounts, or the host's root with covered paths. */
import { afterAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  LAUNCHER,
  launch,
  ORDINARY_ID,
  output,
  starters,
  TENANT_ID,
  userNamespaces,
} from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'functions-root-'))
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const NAMESPACES = ['mount', 'network', 'ipc', 'uts']
const required = NAMESPACES.flatMap((name) => [`--${name}-namespace`, 'required'])
/** The paths that a shell and its commands need. */
const system = ['/usr', '/bin', '/lib', '/lib64'].flatMap((path) => ['--mount-program', path])

for (const starter of starters) {
  const possible = starter === 'root' || userNamespaces
  const owner = starter === 'root' ? TENANT_ID : ORDINARY_ID
  /** A directory whose mode allows the program's user to write to it. */
  const place = (name: string) => {
    const path = join(folder, `${starter}-${name}`)
    mkdirSync(path)
    writeFileSync(join(path, 'file'), 'content')
    if (process.getuid?.() === 0) {
      chownSync(path, owner, owner)
      chownSync(join(path, 'file'), owner, owner)
    }
    return path
  }
  const inside = (script: string, ...flags: string[]) =>
    output(script, { starter, flags: [...required, ...system, ...flags] })

  describe.if(possible)(`an empty root (${starter})`, () => {
    test('holds nothing, and a static program runs in it', async () => {
      // The launcher is one itself; without arguments it fails with its own status.
      const launched = launch([LAUNCHER], { starter, flags: required })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines[0]?.layers).toEqual(
        expect.arrayContaining(NAMESPACES.map((name) => `${name}_namespace`)),
      )
      expect(launched.lines[1]?.what).toBe('no program is given after --')
    })

    test('holds what is mounted, cannot be written, and has no trace of the host’s', async () => {
      const script = `echo /*; touch /x 2>/dev/null || echo refused; touch /usr/x 2>/dev/null || echo refused`
      expect(await inside(script)).toBe('/bin /lib /lib64 /usr\nrefused\nrefused\n')
    })

    test('has paths to read and paths to write', async () => {
      const read = place('read')
      const write = place('write')
      const script = `cat ${read}/file; echo more >${write}/file; cat ${write}/file; echo x 2>/dev/null >${read}/file || echo refused`
      const said = await inside(script, '--mount-read', read, '--mount-write', write)
      expect(said).toBe('contentmore\nrefused\n')
      expect(readFileSync(join(write, 'file'), 'utf8')).toBe('more\n')
      expect(readFileSync(join(read, 'file'), 'utf8')).toBe('content')
    })

    test('runs nothing from paths that are there to be written', async () => {
      const write = place('scripts')
      const script = `cp /bin/true ${write}/true; chmod 755 ${write}/true; ${write}/true 2>/dev/null || echo refused`
      expect(await inside(script, '--mount-write', write)).toBe('refused\n')
    })

    test('a path that is not there is not there inside', async () => {
      const missing = join(folder, 'missing')
      const said = await inside(`ls ${missing} 2>/dev/null || echo none`, '--mount-read', missing)
      expect(said).toBe('none\n')
    })

    test('has its own /tmp, of the requested size', async () => {
      const script = `echo /tmp/*; head -c 100000 /dev/zero >/tmp/a 2>/dev/null || echo full`
      const said = await inside(script, '--tmp', '65536', '--mount-device', '/dev/zero')
      expect(said).toBe('/tmp/*\nfull\n')
    })

    test('has a /proc that knows its own processes alone', async () => {
      const said = await inside(`echo /proc/[0-9]*`, '--proc', 'required')
      expect(said).toBe('/proc/1\n')
    })

    test('covers what lies in a mount', async () => {
      const path = place('partly')
      const script = `ls ${path}; ls ${path}/secret; mkdir ${path}/secret/x 2>/dev/null || echo refused`
      mkdirSync(join(path, 'secret'))
      writeFileSync(join(path, 'secret/key'), 'key')
      const cover = ['--cover', join(path, 'secret')]
      expect(await inside(script, '--mount-write', path, ...cover)).toBe('file\nsecret\nrefused\n')
    })

    test('has a network without an exit, and its own host name', async () => {
      const said = await inside(`cat /proc/net/dev | tail -n +3; hostname`, '--proc', 'required')
      expect(said).toMatch(/^ *lo:[ 0]*\nfunctions\n$/)
    })
  })

  describe.if(possible)(`the host’s root (${starter})`, () => {
    const flags = [...required, '--root', 'host', '--proc', 'preferred']

    test('is there but for what is covered', async () => {
      const path = place('host')
      const file = join(folder, `${starter}-key`)
      writeFileSync(file, 'key', { mode: 0o666 })
      const script = `ls ${path}; cat ${file} 2>/dev/null || echo refused; umount ${path} 2>/dev/null || echo held; ls /etc/passwd`
      const covers = ['--cover', path, '--cover', file]
      const said = await output(script, { starter, flags: [...flags, ...covers] })
      expect(said).toBe('refused\nheld\n/etc/passwd\n')
      // It is not visible outside.
      expect(readFileSync(file, 'utf8')).toBe('key')
    })

    test('shows no process of the host', async () => {
      const said = await output('echo /proc/[0-9]*', { starter, flags })
      expect(said).toBe('/proc/1\n')
    })

    test('takes no mounts', async () => {
      const launched = launch(['/bin/true'], { starter, flags: [...flags, '--mount-read', '/usr'] })
      expect((await launched.end()).status).toBe(71)
      expect(launched.lines[0]?.what).toBe('mounts need --root empty')
    })
  })

  describe.if(possible)(`Landlock and seccomp of the launcher (${starter})`, () => {
    const closed = ['--landlock', 'required', '--seccomp', 'programs']

    test('grant what is mounted, as it is mounted', async () => {
      const write = place('closed')
      const script = `cat ${write}/file; echo more >${write}/file; cat ${write}/file; ls / 2>/dev/null || echo refused`
      const said = await inside(script, '--mount-write', write, ...closed)
      expect(said).toBe('contentmore\nrefused\n')
    })

    test('without processes, not even the program’s own file can be executed again', async () => {
      const flags = [...required, ...system, '--landlock', 'required', '--seccomp', 'bun']
      const launched = launch(['/bin/sh', '-c', '/bin/true; echo $?; exec /bin/true'], {
        starter,
        flags,
      })
      const { status } = await launched.end()
      expect(launched.lines[0]?.layers).toEqual(expect.arrayContaining(['landlock', 'seccomp']))
      // The shell cannot fork, so it prints nothing.
      expect(status).not.toBe(0)
    })
  })
}
