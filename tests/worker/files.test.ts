/** node:fs in the real worker: what it does, and which paths a profile denies. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { useFiles } from './files-harness.ts'
import { bundleOf } from './node-harness.ts'

const { answer, data, dir, zygote } = useFiles()

describe('node:fs/promises', () => {
  test('writes, reads, appends, copies, and says what it is', async () => {
    const seen = await answer(`
      const path = DATA + '/a.txt'
      await fs.writeFile(path, 'hé')
      await fs.appendFile(path, new Uint8Array([33]))
      const stat = await fs.stat(path)
      await fs.copyFile(path, DATA + '/b.txt')
      return [await fs.readFile(path, 'utf8'), (await fs.readFile(path)).toString('hex'), stat.size,
        stat.isFile(), stat.isDirectory(), Date.now() - stat.mtimeMs < 60000,
        sync.readFileSync(DATA + '/b.txt', { encoding: 'latin1' }), sync.existsSync(DATA + '/none')]`)
    expect(seen).toEqual(['hé!', '68c3a921', 4, true, false, true, 'hÃ©!', false])
    expect(readFileSync(join(data, 'a.txt'), 'utf8')).toBe('hé!')
  })

  test('makes, lists, renames and removes folders', async () => {
    const seen = await answer(`
      const first = await fs.mkdir(DATA + '/x/y/z', { recursive: true })
      await fs.writeFile(DATA + '/x/y/f', '')
      const names = (await fs.readdir(DATA + '/x', { recursive: true })).sort()
      const kinds = (await fs.readdir(DATA + '/x/y', { withFileTypes: true }))
        .map((entry) => entry.name + (entry.isDirectory() ? '/' : '')).sort()
      const full = await refused(() => fs.rmdir(DATA + '/x'))
      await fs.rename(DATA + '/x', DATA + '/renamed')
      const notForced = await refused(() => fs.rm(DATA + '/renamed'))
      await fs.rm(DATA + '/renamed', { recursive: true })
      await fs.rm(DATA + '/renamed', { force: true })
      return [first === DATA + '/x', names, kinds, full, notForced,
        await refused(() => fs.readdir(DATA + '/renamed')), await refused(() => fs.mkdir(DATA))]`)
    expect(seen).toEqual([
      true,
      ['y', 'y/f', 'y/z'],
      ['f', 'z/'],
      'ENOTEMPTY',
      'ERR_FS_EISDIR',
      'ENOENT',
      'EEXIST',
    ])
  })

  test('opens handles: positions, truncation, streams, lines', async () => {
    const seen = await answer(`
      const handle = await fs.open(DATA + '/h', 'w+')
      await handle.write('hello world')
      const { bytesRead, buffer } = await handle.read(new Uint8Array(5), 0, 5, 6)
      await handle.write(new Uint8Array([72]), 0, 1, 0)
      await handle.truncate(5)
      const { size } = await handle.stat()
      await handle.close()
      const again = await refused(() => handle.read(new Uint8Array(1)))
      const big = new Uint8Array(300000).fill(97)
      const writer = (await fs.open(DATA + '/s', 'w')).writableWebStream()
      await new Response(big).body.pipeTo(writer)
      const reader = await fs.open(DATA + '/s')
      let total = 0
      for await (const chunk of reader.readableWebStream({ autoClose: true })) total += chunk.length
      await fs.writeFile(DATA + '/l', 'one\\r\\ntwo\\n\\nfour')
      const lines = []
      const last = await fs.open(DATA + '/l')
      for await (const line of last.readLines()) lines.push(line)
      return [bytesRead, String.fromCharCode(...buffer), size, await fs.readFile(DATA + '/h', 'utf8'),
        again, total, await refused(() => reader.stat()), lines]`)
    expect(seen).toEqual([
      5,
      'world',
      5,
      'Hello',
      'EBADF',
      300_000,
      'EBADF',
      ['one', 'two', '', 'four'],
    ])
  })

  test('takes flags as Node does, and refuses what is none', async () => {
    const seen = await answer(`
      await fs.writeFile(DATA + '/f', 'x')
      return [await refused(() => fs.open(DATA + '/f', 'wx')), await refused(() => fs.open(DATA + '/f', 'q')),
        await refused(() => fs.readFile(DATA)), await refused(() => fs.readFile(DATA + '/f\\0')),
        await refused(() => fs.readFile(DATA + '/f/g')), await refused(() => fs.readFile(''))]`)
    expect(seen).toEqual([
      'EEXIST',
      expect.stringContaining('flags of open'),
      'EISDIR',
      expect.stringContaining('null bytes'),
      'ENOTDIR',
      'EACCES',
    ])
  })

  test('has the errors of Node, with path and call', async () => {
    const seen = await answer(`
      try { await fs.readFile(DATA + '/nothing') } catch (error) {
        return [error instanceof Error, error.message, error.code, error.syscall, error.errno, error.path]
      }`)
    expect(seen).toEqual([
      true,
      `ENOENT: no such file or directory, open '${data}/nothing'`,
      'ENOENT',
      'open',
      -2,
      `${data}/nothing`,
    ])
  })

  test('has callbacks too', async () => {
    const seen = await answer(`
      const call = (name, ...args) => new Promise((resolve) =>
        sync[name](...args, (error, value) => resolve(error?.code ?? value ?? 'done')))
      return [await call('writeFile', DATA + '/c', 'cb'), await call('readFile', DATA + '/c', 'utf8'),
        await call('readFile', DATA + '/none')]`)
    expect(seen).toEqual(['done', 'cb', 'ENOENT'])
  })
})

describe('allowed paths', () => {
  test('are left by no path, link or folder, by no call', async () => {
    symlinkSync(join(dir, 'secret'), join(data, 'out'))
    symlinkSync(join(dir, 'secret/key'), join(data, 'key'))
    symlinkSync('../secret/key', join(data, 'relative'))
    symlinkSync('loop', join(data, 'loop'))
    symlinkSync(join(dir, 'secret/new'), join(data, 'dangling'))
    const seen = await answer(`
      const paths = [DIR + '/secret/key', DATA + '/../secret/key', DATA + '/out/key', DATA + '/key',
        DATA + '/relative', DATA + '/out/../../secret/key', '/etc/passwd', '../../etc/passwd', '/', DATA + '/..',
        '/proc/self/root' + DIR + '/secret/key', DATA + '2/x', DATA + '/out/nothing']
      const said = new Set()
      for (const path of paths) {
        for (const call of [fs.readFile, fs.readdir, fs.stat, (p) => fs.open(p, 'r+'), fs.realpath, fs.access])
          said.add(await refused(() => call(path)))
        for (const call of [(p) => fs.writeFile(p + 'x', ''), (p) => fs.mkdir(p + 'x'), (p) => fs.rename(DATA + '/a.txt', p + 'x')])
          if (!path.startsWith(DATA + '/key') && !path.startsWith(DATA + '/relative') && path !== DATA + '/..') said.add(await refused(() => call(path)))
      }
      for (const call of [(p) => fs.writeFile(p, ''), (p) => fs.appendFile(p, 'x')])
        said.add(await refused(() => call(DATA + '/dangling')))
      for (const call of [(p) => fs.rm(p), (p) => fs.rm(p, { recursive: true }), (p) => fs.rename(p, DATA + '/mine')])
        said.add(await refused(() => call(DIR + '/secret/key')))
      return [[...said], await refused(() => fs.readFile(DATA + '/loop'))]`)
    expect(seen).toEqual([['EACCES'], 'ELOOP'])
    expect(readFileSync(join(dir, 'secret/key'), 'utf8')).toBe('secret')
    expect(existsSync(join(dir, 'secret/new'))).toBe(false)
  })

  test('hold links that stay inside, and a link is removed, not what it leads to', async () => {
    writeFileSync(join(data, 'target'), 'inside')
    chmodSync(join(data, 'target'), 0o666)
    symlinkSync(join(data, 'target'), join(data, 'inside'))
    symlinkSync(join(dir, 'secret'), join(data, 'removed'))
    const seen = await answer(`
      const through = await fs.readFile(DATA + '/inside', 'utf8')
      const isLink = (await fs.lstat(DATA + '/inside')).isSymbolicLink()
      await fs.rm(DATA + '/removed', { recursive: true })
      return [through, isLink, await fs.readlink(DATA + '/inside') === DATA + '/target',
        await fs.realpath(DATA + '/./inside') === DATA + '/target']`)
    expect(seen).toEqual(['inside', true, true, true])
    expect(existsSync(join(dir, 'secret/key'))).toBe(true)
  })

  test('may themselves lie behind a link, be a file, or be several', async () => {
    symlinkSync(data, join(dir, 'alias'))
    writeFileSync(join(dir, 'one'), 'one')
    chmodSync(join(dir, 'one'), 0o666)
    linkSync(join(dir, 'one'), join(dir, 'two'))
    const body = `return [await refused(() => fs.writeFile(DATA + '/via', 'x')), await refused(() => fs.readFile(DIR + '/alias/via', 'utf8')),
      await refused(() => fs.readFile(DIR + '/one', 'utf8')), await refused(() => fs.readFile(DIR + '/two', 'utf8'))]`
    const paths = [join(dir, 'alias'), join(dir, 'one'), join(dir, 'nothing')]
    expect(await answer(body, paths)).toEqual([
      ['allowed', null],
      ['allowed', 'x'],
      ['allowed', 'one'],
      'EACCES',
    ])
  })

  test('are everything where none is named', async () => {
    const body = `return [await refused(() => fs.readFile(DIR + '/secret/key', 'utf8')),
      (await fs.readdir('/')).includes('etc')]`
    expect(await answer(body, [])).toEqual([['allowed', 'secret'], true])
  })
})

describe('limits', () => {
  test('a file ends at its largest size, and descriptors at their number', async () => {
    const seen = await answer(`
      const handle = await fs.open(DATA + '/large', 'w')
      const size = await refused(() => handle.write(new Uint8Array(1), 0, 1, 2 ** 30))
      await handle.close()
      const open = []
      let code
      try { for (;;) open.push(await fs.open(DATA + '/large')) } catch (error) { code = error.code }
      const count = open.length
      for (const one of open) await one.close()
      return [size, code, count > 20 && count < 50, await refused(() => fs.stat(DATA + '/large')).then((r) => r[0])]`)
    expect(seen).toEqual(['EFBIG', 'EMFILE', true, 'allowed'])
  })

  test('pipes and devices are no files', async () => {
    Bun.spawnSync(['mkfifo', join(data, 'pipe')])
    chmodSync(join(data, 'pipe'), 0o666)
    const body = `return [await refused(() => fs.readFile(DATA + '/pipe')), await refused(() => fs.readFile('/dev/null'))]`
    expect(await answer(body, [])).toEqual(['ENXIO', 'ENXIO'])
  })

  test('a file that nobody closes is closed with its last mention', async () => {
    const seen = await answer(`
      for (let i = 0; i < 500; i++) await fs.open(DATA + '/h')
      return 'all open'`)
    expect(seen).toBe('all open')
  })
})

describe('a strict function', () => {
  test('is refused the module at deployment, and what it stands on at run time', async () => {
    const source = "\nimport fs from 'node:fs/promises'\nexport default () => fs"
    expect(bundleOf(source, {})).rejects.toThrow(
      "'node:fs/promises' needs a profile with allowFilesystem, which this one does not give.",
    )
    const bundle = `export default async () => {
      try { await import('fn:fs') } catch (error) { return new Response(error.message) }
    }`
    const worker = await zygote().worker({ bundle })
    expect((await worker.invoke()).text).toBe(
      "cannot import 'fn:fs': the function's profile does not allow it",
    )
  })
})
