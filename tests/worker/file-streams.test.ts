/** Streams of files in the real worker. */
import { describe, expect, test } from 'bun:test'
import { files, useFiles } from './files-harness.ts'
import { bundleOf } from './node-harness.ts'

const { answer, data, zygote } = useFiles()

describe('streams of files', () => {
  test('read and write: parts, encodings, events, pipelines', async () => {
    const seen = await answer(`
      const { pipeline } = await import('node:stream/promises')
      const path = DATA + '/stream.txt'
      const events = []
      const out = sync.createWriteStream(path)
      for (const name of ['open', 'ready', 'finish', 'close']) out.on(name, () => events.push(name))
      out.write('h\u00e9llo '); out.write(Buffer.from('wor')); out.end('ld')
      await new Promise((resolve) => out.on('close', resolve))
      const read = async (options) => {
        const chunks = []
        for await (const chunk of sync.createReadStream(path, options)) chunks.push(chunk)
        return typeof chunks[0] === 'string' ? chunks.join('') : Buffer.concat(chunks).toString('latin1')
      }
      await pipeline(sync.createReadStream(path), sync.createWriteStream(path + '.copy'))
      const appended = sync.createWriteStream(path + '.copy', { flags: 'a' })
      await new Promise((resolve) => appended.end('!', resolve))
      const inside = sync.createWriteStream(path, { flags: 'r+', start: 7 })
      await new Promise((resolve) => inside.end('W', resolve))
      const stream = new sync.ReadStream(path)
      const { pending } = stream
      return [events, out.bytesWritten, out.path === path, await read('utf8'), await read({ start: 1, end: 3 }),
        await read({ highWaterMark: 2 }), sync.readFileSync(path + '.copy', 'utf8'),
        stream instanceof sync.ReadStream, pending, sync.ReadStream(path).destroy().path === path,
        await read({ encoding: 'hex', start: 8 })]`)
    expect(seen).toEqual([
      ['open', 'ready', 'finish', 'close'],
      12,
      true,
      'héllo World',
      'Ã©l',
      'hÃ©llo World',
      'héllo world!',
      true,
      true,
      true,
      '6f726c64',
    ])
  })

  test('large files come whole, and other work of the worker has its turns meanwhile', async () => {
    const seen = await answer(`
      const path = DATA + '/large.bin'
      const bytes = new Uint8Array(8 << 20).map((_, i) => i * 31)
      let turns = 0
      const timer = setInterval(() => turns++, 0)
      await new Promise((resolve, reject) => sync.createWriteStream(path).on('error', reject).end(bytes, resolve))
      let at = 0, same = true
      for await (const chunk of sync.createReadStream(path)) {
        for (let i = 0; i < chunk.length; i += 1009) same &&= chunk[i] === bytes[at + i]
        at += chunk.length
      }
      clearInterval(timer)
      return [at, same, turns > 3]`)
    expect(seen).toEqual([8 << 20, true, true])
  })

  test('end with an error of the file, and close it', async () => {
    const seen = await answer(`
      const failure = (stream) => new Promise((resolve) => {
        const events = []
        stream.on('error', ({ code }) => events.push(code)).on('close', () => resolve(events))
        stream.resume?.()
      })
      const thrown = (call) => { try { call(); return 'none' } catch (error) { return error.code } }
      const many = []
      for (let i = 0; i < 200; i++) many.push(await failure(sync.createReadStream(DATA)))
      await fs.writeFile(DATA + '/left.txt', 'left')
      const left = sync.createReadStream(DATA + '/left.txt')
      await new Promise((resolve) => left.close(resolve))
      const handle = await fs.open(DATA + '/h.txt', 'w+')
      const own = sync.createWriteStream('', { fd: handle, autoClose: false })
      await new Promise((resolve) => own.write('kept', resolve))
      const kept = (await handle.stat()).size
      await handle.close()
      return [await failure(sync.createReadStream(DATA + '/none')), await failure(sync.createReadStream(DIR + '/secret/key')),
        await failure(sync.createWriteStream(DIR + '/secret/new')), new Set(many.flat()).size, many[199], left.destroyed, kept,
        thrown(() => sync.createReadStream(5)), thrown(() => sync.createReadStream(DATA, { start: 2, end: 1 })),
        thrown(() => sync.createReadStream(DATA, { start: -1 })), thrown(() => sync.createReadStream(DATA, { fd: 3 })),
        thrown(() => sync.createWriteStream(DATA, 7))]`)
    expect(seen).toEqual([
      ['ENOENT'],
      ['EACCES'],
      ['EACCES'],
      1,
      ['EISDIR'],
      true,
      4,
      'ERR_INVALID_ARG_TYPE',
      'ERR_OUT_OF_RANGE',
      'ERR_OUT_OF_RANGE',
      'ERR_INVALID_ARG_TYPE',
      'ERR_INVALID_ARG_TYPE',
    ])
  })

  test('of a FileHandle', async () => {
    const seen = await answer(`
      const handle = await fs.open(DATA + '/handle.txt', 'w+')
      const out = handle.createWriteStream({ autoClose: false })
      await new Promise((resolve) => out.end('by a handle', resolve))
      const parts = []
      for await (const part of handle.createReadStream({ start: 3, encoding: 'utf8' })) parts.push(part)
      return [parts.join(''), out instanceof sync.WriteStream, await handle.stat().catch(() => 'closed')]`)
    expect(seen).toEqual(['a handle', true, 'closed'])
  })

  test('of a FileHandle, where only fs/promises is imported', async () => {
    const bundle = async (body: string) =>
      await bundleOf(
        `import { open } from 'node:fs/promises'
        export default async () => {
          const handle = await open(${JSON.stringify(data)} + '/alone.txt', 'w+')
          ${body}
        }`,
        files([data]),
      )
    const source = await bundle(`
      const out = handle.createWriteStream({ autoClose: false })
      await new Promise((done) => out.end('alone', done))
      const parts = []
      for await (const part of handle.createReadStream({ start: 0, encoding: 'utf8' })) parts.push(part)
      return new Response(parts.join(''))`)
    const worker = await zygote().worker({ bundle: source, capabilities: files([data]) })
    expect((await worker.invoke()).text).toBe('alone')
    expect((await bundle('return new Response(handle.fd)')).length).toBeLessThan(100_000)
  })

  test('are in a bundle only if its code names them', async () => {
    const size = async (body: string) =>
      (await bundleOf(`import fs from 'node:fs'\nexport default () => ${body}`, files([data])))
        .length
    expect(await size("fs.readFileSync('/x')")).toBeLessThan(100_000)
    expect(await size("fs.createReadStream('/x')")).toBeGreaterThan(150_000)
  })
})
